package surface

import (
	"crypto/rand"
	"errors"
	"strings"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/media"
)

// Note: [Sharing]
// A shared ring is one allocation like any other, whose IPC handle is taken once. Behind
// each picture its slot has a generation, which the writer's stream raises before it
// writes: whoever reads it after the pixels, and finds what the frame came with, has read
// that frame. The driver writes 32 bits at a time, so the upper half stays 0; at a hundred
// writes of one slot per second the lower one lasts a year, and beginning again at 0 is
// a change as well.
//
// CUDA does not say what other processes see of memory that was freed before they closed
// it. So a ring is freed when its last frame is released, and no lease lives longer than
// its frame. Before that all its generations are changed, for those who still look.

// generationRoom is what a slot's generation takes, so that the next one is aligned.
const generationRoom = pitchAlign

// Picture is what the frames of a shared ring have in common.
type Picture struct {
	Width, Height int // pixels; a slot may be larger by one
	Color         media.Color
}

var _ frame.Shared = (*Slot)(nil)

// newRegion describes the ring's memory for other processes.
func newRegion(device *gpu.Device, memory *gpu.Memory, c *Config) (*frame.Region, error) {
	handle, err := memory.IPCHandle()
	if err != nil {
		return nil, err
	}
	pitch, rows := c.shape()
	return &frame.Region{
		Name:   "frameport-gpu-" + strings.ToLower(rand.Text()),
		Handle: handle[:],
		Device: device.Info().Ordinal,
		UUID:   device.Info().UUID,

		Bytes:  c.stride() * int64(c.Slots),
		Slots:  c.Slots,
		Stride: c.stride(),

		Format: media.PixelNV12,
		Width:  c.Share.Width,
		Height: c.Share.Height,
		Color:  c.Share.Color,
		Planes: []frame.PlaneLayout{
			{Offset: 0, Pitch: pitch, Rows: c.Share.Height},
			{Offset: int64(pitch) * int64(rows), Pitch: pitch, Rows: (c.Share.Height + 1) / 2},
		},
		Generation: c.pixels(),
	}, nil
}

// Begin queues what readers in other processes see when they look too late: the slot's
// next generation. It comes before all writes to the slot; in rings that are not shared it
// does nothing.
func (s *Slot) Begin(stream *gpu.Stream) error {
	r := s.ring
	if r.region == nil {
		return nil
	}
	if !r.cleared {
		if err := r.setGenerations(stream, 0); err != nil {
			return err
		}
		r.cleared = true
	}
	s.generation++
	return r.device.SetWord(stream, r.memory.Address()+gpu.Address(s.offset+r.region.Generation), s.generation)
}

// setGenerations queues setting all bytes of all generations.
func (r *Ring) setGenerations(stream *gpu.Stream, value byte) error {
	const width = 8
	all := gpu.DevicePlane{Address: r.memory.Address() + gpu.Address(r.region.Generation), Pitch: int(r.region.Stride)}
	return r.device.Memset2D(stream, all, value, width, len(r.slots))
}

// outdate changes all generations. All other work on the memory is done.
func (r *Ring) outdate() error {
	stream, err := r.device.NewStream(gpu.Use{Purpose: gpu.PurposeRing, Owner: r.config.Owner})
	if err != nil {
		return err
	}
	return errors.Join(r.setGenerations(stream, 0xFF), stream.Synchronize(), stream.Close())
}

// Place implements [frame.Shared]. A frame that is not what the region says does not lie
// in it.
func (s *Slot) Place(f *frame.Frame) (frame.Place, bool) {
	region := s.ring.region
	if region == nil || f.Format != region.Format || f.Width != region.Width || f.Height != region.Height || f.Color != region.Color {
		return frame.Place{}, false
	}
	return frame.Place{Region: region, Slot: s.index, Generation: uint64(s.generation)}, true
}

// Ready implements [frame.Shared]: it waits until the pixels are there.
func (s *Slot) Ready(*frame.Frame) error {
	defer s.ring.device.Gate().Observe()()
	return s.Synchronize()
}
