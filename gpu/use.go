package gpu

import "fmt"

// Use says what memory or an object is for, and for whom.
type Use struct {
	Purpose Purpose
	Owner   string // camera ID; "" is shared by all
}

func (u Use) String() string {
	if u.Owner == "" {
		return u.Purpose.String()
	}
	return u.Purpose.String() + " of " + u.Owner
}

// Purpose is a line in the account of device memory.
type Purpose int

// The purposes, in the order in which they are reported.
const (
	PurposeContext Purpose = iota // the primary context itself
	PurposeModule                 // compiled kernels
	PurposeJPEG                   // JPEG encoder states and their buffers
	PurposeDecoder                // NVDEC sessions
	PurposeRing                   // decoded frames
	PurposeBatch                  // batches that clients read by IPC
	PurposeOther
	purposes
)

func (p Purpose) String() string {
	switch p {
	case PurposeContext:
		return "context"
	case PurposeModule:
		return "module"
	case PurposeJPEG:
		return "jpeg"
	case PurposeDecoder:
		return "decoder"
	case PurposeRing:
		return "ring"
	case PurposeBatch:
		return "batch"
	case PurposeOther:
		return "other"
	}
	return fmt.Sprintf("purpose(%d)", int(p))
}

// Purposes lists all purposes in their order.
func Purposes() []Purpose {
	list := make([]Purpose, purposes)
	for i := range list {
		list[i] = Purpose(i)
	}
	return list
}
