package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/server"
)

// sharedFolder is where the folder of a worker lies that was given none.
const sharedFolder = "/dev/shm"

// shmFlags are the flags about memory that clients map. A flag that was given wins over
// the configuration file.
type shmFlags struct {
	ShmDir    *string          `name:"shm-dir" env:"FRAMEPORT_SHM_DIR" help:"The worker's own folder for memory that clients on this machine map; \"off\" for none. Default: /dev/shm/frameport-PID." placeholder:"DIR"`
	ShmLimit  *config.ByteSize `name:"shm-limit" env:"FRAMEPORT_SHM_LIMIT" help:"How much of that memory there may be; one stream may have half of it. Default: 1GiB." placeholder:"SIZE"`
	ShmLease  *time.Duration   `name:"shm-lease" env:"FRAMEPORT_SHM_LEASE" help:"How long a client may read what it was lent, 10ms to 60s. Default: 2s." placeholder:"TIME"`
	ShmRemote bool             `name:"shm-remote" env:"FRAMEPORT_SHM_REMOTE" help:"Offer that memory also to clients that come neither over a unix socket nor from loopback, such as other containers."`
}

// apply lays the flags over s.
func (f shmFlags) apply(s *config.SharedMemory) {
	if f.ShmDir != nil {
		s.Dir = *f.ShmDir
	}
	if f.ShmLimit != nil {
		s.Limit = *f.ShmLimit
	}
	if f.ShmLease != nil {
		s.Lease = *f.ShmLease
	}
	s.Remote = s.Remote || f.ShmRemote
}

// openShared opens the folder for shared memory. Without one the worker serves all the
// same, and clients that ask for shared memory are told why there is none.
func openShared(s config.SharedMemory, log *slog.Logger) server.SharedMemory {
	out := server.SharedMemory{Lease: s.Lease, Remote: s.Remote}
	var err error
	switch s.Dir {
	case config.SharedMemoryOff:
		out.Reason = "it was started with --shm-dir off"
		return out
	case "":
		shm.RemoveDeadLinks(shm.Names, log)
		out.Folder, err = shm.OpenIn(sharedFolder, int64(s.Limit), log)
	default:
		if strings.HasPrefix(s.Dir, shm.Names+"/") {
			shm.RemoveDeadLinks(shm.Names, log)
		}
		out.Folder, err = shm.Open(s.Dir, int64(s.Limit))
	}
	if err != nil {
		log.Warn("no shared memory", "error", err)
		out.Reason = err.Error()
	}
	return out
}

// sharedText tries the folder that a worker would have and says how it went.
func sharedText(dir string) string {
	if dir == config.SharedMemoryOff {
		return dir
	}
	if dir == "" {
		dir = filepath.Join(sharedFolder, "frameport-"+strconv.Itoa(os.Getpid()))
	}
	f, err := shm.Open(dir, int64(config.DefaultSharedMemoryLimit))
	if err != nil {
		return "none: " + err.Error()
	}
	var st unix.Statfs_t
	err = unix.Statfs(f.Path(), &st)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "none: " + err.Error()
	}
	return fmt.Sprintf("%s: %s free", filepath.Dir(dir), size(int64(st.Bavail)*st.Bsize))
}
