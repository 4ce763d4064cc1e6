package gpu

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// DeviceInfo describes one GPU, or one MIG slice of one.
type DeviceInfo struct {
	Ordinal           int    // the driver's number for it in this process
	UUID              string // "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", or "MIG-…"
	Name              string
	PCIBusID          string // "0000:01:00.0"
	ComputeCapability ComputeCapability
	ComputeMode       ComputeMode
	TotalMemory       int64  // bytes
	DriverVersion     string // the CUDA version that the driver speaks, "12.8"
}

func (i DeviceInfo) String() string {
	return fmt.Sprintf("%s (%d, %s)", i.Name, i.Ordinal, i.UUID)
}

// ComputeCapability is the generation of a GPU: 7.5 is Turing, 9.0 Hopper.
type ComputeCapability struct{ Major, Minor int }

func (c ComputeCapability) String() string { return fmt.Sprintf("%d.%d", c.Major, c.Minor) }

// AtLeast compares with major.minor.
func (c ComputeCapability) AtLeast(major, minor int) bool {
	return c.Major > major || c.Major == major && c.Minor >= minor
}

// ComputeMode says who may use a GPU at the same time (nvidia-smi -c).
type ComputeMode int

// The driver's values.
const (
	ComputeDefault          ComputeMode = 0 // any number of processes
	ComputeProhibited       ComputeMode = 2 // none
	ComputeExclusiveProcess ComputeMode = 3 // one
)

func (m ComputeMode) String() string {
	switch m {
	case ComputeDefault:
		return "DEFAULT"
	case ComputeProhibited:
		return "PROHIBITED"
	case ComputeExclusiveProcess:
		return "EXCLUSIVE_PROCESS"
	}
	return strconv.Itoa(int(m))
}

// formatUUID writes a UUID as NVIDIA's tools do. The driver returns a slice's own
// UUID for a MIG slice and says so only in its name.
func formatUUID(u [16]byte, name string) string {
	prefix := "GPU-"
	if strings.Contains(name, " MIG ") {
		prefix = "MIG-"
	}
	s := hex.EncodeToString(u[:])
	return prefix + s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// find picks the device that selector names: "" the first, a number its ordinal,
// anything else its UUID.
func find(devices []DeviceInfo, selector string) (DeviceInfo, error) {
	if selector == "" {
		return devices[0], nil
	}
	number, err := strconv.Atoi(selector)
	var known []string
	for _, d := range devices {
		if err == nil && d.Ordinal == number || strings.EqualFold(d.UUID, selector) {
			return d, nil
		}
		known = append(known, fmt.Sprintf("%d is %s (%s)", d.Ordinal, d.UUID, d.Name))
	}
	return DeviceInfo{}, &Error{
		Op:     fmt.Sprintf("device %q", selector),
		Reason: "there is no such GPU; " + strings.Join(known, ", "),
		kind:   ErrNoDevice,
	}
}
