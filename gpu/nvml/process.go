package nvml

import (
	"math"
	"os"
	"strconv"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// process finds this process in NVML's list.
//
// # Note: [Process IDs in containers]
//
// NVML lists processes by ID. On the host's own PID namespace these are the IDs
// that os.Getpid returns, and a process that is not listed uses no memory. In a
// container with a namespace of its own some drivers translate the IDs, and list
// only the processes that the container sees; others list the host's IDs, where
// ours can be that of somebody else's process by chance, and our own host ID
// cannot be found out. So there a match counts only when every listed ID is a
// process that we can see, and no match means not known. Running the container
// with --pid=host gives the number always.
type process struct {
	pid       int
	contained bool               // in a PID namespace other than the host's
	exists    func(pid int) bool // in our namespace
}

// hostNamespace is the inode of the first PID namespace (PROC_PID_INIT_INO in
// Linux's include/linux/proc_ns.h), the same on every machine.
const hostNamespace = "pid:[4026531836]"

func thisProcess() process {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	return process{
		pid:       os.Getpid(),
		contained: err != nil || namespace != hostNamespace,
		exists: func(pid int) bool {
			_, err := os.Stat("/proc/" + strconv.Itoa(pid))
			return err == nil
		},
	}
}

// memory sums what is listed for this process: once per context, and on a device
// with MIG once per slice.
func (p process) memory(list []nvml.ProcessInfo) Bytes {
	sum := Bytes{Known: !p.contained}
	for _, info := range list {
		if p.contained && !p.exists(int(info.Pid)) {
			return Bytes{}
		}
		if int(info.Pid) != p.pid {
			continue
		}
		if info.UsedGpuMemory == math.MaxUint64 { // NVML_VALUE_NOT_AVAILABLE
			return Bytes{}
		}
		sum.N += int64(info.UsedGpuMemory)
		sum.Known = true
	}
	return sum
}
