package surface

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

// pitchAlign is what kernels, NVDEC's copies and readers by IPC agree on.
const pitchAlign = 256

// maxSlots bounds a ring: beyond that the configuration is a mistake.
const maxSlots = 1024

var (
	// ErrFull: every slot is held by a reader; the picture is to be dropped.
	ErrFull = errors.New("all surfaces are held by readers")
	// ErrLive: frames of the ring are still held.
	ErrLive = errors.New("frames are still held")
)

// Config is what a ring is made from.
type Config struct {
	Width, Height int // pixels of a slot
	// Slots is how many frames fit: those that the camera keeps, those that
	// readers hold meanwhile, and the one in the works.
	Slots   int
	Owner   string         // camera
	Account *frame.Account // where frames and bytes are booked; may be nil
	// Share makes a ring that other processes can map; nil does not.
	Share *Picture
}

// Bytes is how much device memory such a ring takes.
func (c Config) Bytes() int64 {
	bytes := c.stride() * int64(c.Slots)
	return (bytes + gpu.Granularity - 1) / gpu.Granularity * gpu.Granularity
}

// pixels is the size of a slot's picture.
func (c Config) pixels() int64 {
	pitch, rows := c.shape()
	return int64(pitch) * int64(rows) * 3 / 2
}

// stride is from one slot to the next.
func (c Config) stride() int64 {
	if c.Share != nil {
		return c.pixels() + generationRoom
	}
	return c.pixels()
}

// shape is the pitch and the rows of luma, which are even so that chroma begins
// where whole pairs of rows end.
func (c Config) shape() (pitch, rows int) {
	return (c.Width + pitchAlign - 1) / pitchAlign * pitchAlign, (c.Height + 1) &^ 1
}

func (c Config) validate() error {
	if c.Width <= 0 || c.Height <= 0 || c.Width > 1<<15 || c.Height > 1<<15 {
		return fmt.Errorf("surface: %dx%d pixels: must be positive, at most %d a side", c.Width, c.Height, 1<<15)
	}
	if c.Slots <= 0 || c.Slots > maxSlots {
		return fmt.Errorf("surface: %d slots: use 1 to %d", c.Slots, maxSlots)
	}
	if s := c.Share; s != nil && (s.Width <= 0 || s.Height <= 0 || s.Width > c.Width || s.Height > c.Height) {
		return fmt.Errorf("surface: frames of %dx%d in slots of %dx%d", s.Width, s.Height, c.Width, c.Height)
	}
	return nil
}

// Ring is the device memory of one camera's frames.
type Ring struct {
	device   *gpu.Device
	account  *frame.Account
	memory   *gpu.Memory
	config   Config
	pitch    int
	lumaRows int
	slots    []Slot
	region   *frame.Region // nil: not shared
	cleared  bool          // the generations have a beginning

	mu      sync.Mutex
	free    []*Slot // the one that was freed first comes first
	refused uint64
	retired bool // goes with its last frame
	closed  bool
}

// New allocates a ring. Its memory and events are booked for the owner's ring. The
// caller has a place at the device's gate where many cameras share the device.
func New(device *gpu.Device, c Config) (*Ring, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	use := gpu.Use{Purpose: gpu.PurposeRing, Owner: c.Owner}
	memory, err := device.Alloc(c.Bytes(), use)
	if err != nil {
		return nil, err
	}
	pitch, rows := c.shape()
	r := &Ring{
		device: device, account: c.Account, memory: memory, config: c,
		pitch: pitch, lumaRows: rows, slots: make([]Slot, c.Slots), free: make([]*Slot, 0, c.Slots),
	}
	r.account.BookDevice(memory.Size())
	if c.Share != nil {
		if r.region, err = newRegion(device, memory, &c); err != nil {
			return nil, errors.Join(err, r.giveBack())
		}
	}
	for i := range r.slots {
		s := &r.slots[i]
		s.ring, s.index, s.offset = r, i, int64(i)*c.stride()
		if s.ready, err = device.NewEvent(use); err != nil {
			return nil, errors.Join(err, r.giveBack())
		}
		r.free = append(r.free, s)
	}
	return r, nil
}

// Take hands out a free slot, or returns ErrFull and counts that. The slot comes
// back with Put, or by the last release of the frame that it was published as.
func (r *Ring) Take() (*Slot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.retired {
		return nil, fmt.Errorf("surface: ring is %w", gpu.ErrClosed)
	}
	if len(r.free) == 0 {
		r.refused++
		return nil, fmt.Errorf("surface: %w: %d of %d", ErrFull, r.config.Slots, r.config.Slots)
	}
	s := r.free[0]
	r.free = r.free[:copy(r.free, r.free[1:])]
	return s, nil
}

// Put gives a slot back that was not published.
func (r *Ring) Put(s *Slot) { r.put(s) }

func (r *Ring) put(s *Slot) {
	r.mu.Lock()
	r.free = append(r.free, s)
	last := r.retired && len(r.free) == len(r.slots) && !r.closed
	r.closed = r.closed || last
	r.mu.Unlock()
	if last {
		// There is nobody to tell. An error that matters has broken the context,
		// and the device's health says so.
		_ = r.destroy()
	}
}

// Stats are a ring's numbers.
type Stats struct {
	Slots   int
	Held    int    // handed out now
	Refused uint64 // pictures for which there was no slot
}

// Stats returns the present numbers.
func (r *Ring) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{Slots: len(r.slots), Held: len(r.slots) - len(r.free), Refused: r.refused}
}

// Config is what the ring was made from.
func (r *Ring) Config() Config { return r.config }

// Memory is the one allocation, for its address and its IPC handle.
func (r *Ring) Memory() *gpu.Memory { return r.memory }

// Close frees the ring, once. While slots are handed out it fails with ErrLive and
// frees nothing. All work on the memory must be done.
func (r *Ring) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	if held := len(r.slots) - len(r.free); held > 0 {
		r.mu.Unlock()
		return fmt.Errorf("surface: close ring of %q: %w: %d of %d", r.config.Owner, ErrLive, held, len(r.slots))
	}
	r.closed = true
	r.mu.Unlock()
	return r.destroy()
}

// Retire ends the ring without waiting for its frames: no slot is handed out any
// more, and the memory goes with the last one, wherever that is released. The
// owner's work on the memory must be done.
func (r *Ring) Retire() error {
	r.mu.Lock()
	r.retired = true
	last := len(r.free) == len(r.slots) && !r.closed
	r.closed = r.closed || last
	r.mu.Unlock()
	if !last {
		return nil
	}
	return r.destroy()
}

// destroy frees the ring with a place at the gate, however long that takes: the
// driver may wait for everything on the device before it takes memory back, and a
// thousand rings may go at once.
func (r *Ring) destroy() error {
	release, err := r.device.Gate().Acquire(context.Background(), r.config.Owner)
	if err != nil {
		return err
	}
	defer release()
	return r.giveBack()
}

func (r *Ring) giveBack() error {
	var errs []error
	if r.cleared {
		errs = append(errs, r.outdate())
	}
	for i := range r.slots {
		if e := r.slots[i].ready; e != nil {
			errs = append(errs, e.Close())
		}
	}
	size := r.memory.Size()
	errs = append(errs, r.memory.Close())
	r.account.BookDevice(-size)
	return errors.Join(errs...)
}
