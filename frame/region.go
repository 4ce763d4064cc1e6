package frame

import (
	"errors"

	"github.com/frameport/frameport/media"
)

// ErrLost is that other processes can't see what lies in a region any more, for example
// because somebody has removed its file. When it was shortened, the pixels are gone for
// this process too; what is decoded from such pictures is marked as corrupt.
var ErrLost = errors.New("region lost")

// Region is memory of frames that other processes can map: slots of one shape. It does
// not change; a camera whose pictures get another shape gets another region.
type Region struct {
	// Name is never used twice, also over restarts.
	Name string
	// Path is the file of shared memory; "" for device memory.
	Path string
	// Handle are the 64 bytes of CUipcMemHandle; nil for host memory. Opening it gives
	// the address of the first byte.
	Handle []byte
	// Device and UUID are the GPU of device memory.
	Device int
	UUID   string

	Offset int64 // of slot 0, in bytes from the beginning of the file or allocation
	Bytes  int64 // from Offset to the end of the last slot
	Slots  int
	Stride int64 // from one slot to the next, in bytes

	Format        media.PixelFormat
	Width, Height int // pixels
	Color         media.Color
	// Planes are as many as the format has.
	Planes []PlaneLayout
	// Generation is where the slot's generation lies, in bytes from the beginning of the
	// slot: 64 bits, little-endian. It changes before the slot is written.
	Generation int64
}

// PlaneLayout is where a plane of a frame lies in its slot.
type PlaneLayout struct {
	Offset int64 // in bytes from the beginning of the slot
	Pitch  int   // bytes from one row to the next
	Rows   int
}

// Place is where a frame lies in a region. It is the frame's alone until its last
// release.
type Place struct {
	Region     *Region
	Slot       int    // from 0
	Generation uint64 // what the slot's generation is as long as the frame lives
}

// Shared is the optional ability of a [Memory] to lie in a region. Whoever asks holds
// the frame.
type Shared interface {
	Memory
	// Place says where f lies; false when it does not lie in a region.
	Place(f *Frame) (Place, bool)
	// Ready waits until the pixels are there for other processes. An error that wraps
	// [ErrLost] says that they can't see them.
	Ready(f *Frame) error
}

// PlaceOf says where f lies; false when other processes can't map its memory.
func PlaceOf(f *Frame) (Place, bool) {
	if s, ok := f.mem.(Shared); ok {
		return s.Place(f)
	}
	return Place{}, false
}
