package backend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

// batchShare of a GPU's memory, or of the budget, may be regions of batches: one part in
// so many. The rest is for cameras, which clients must not be able to crowd out.
const batchShare = 4

// batchOwner stands for streams of batches in refusals and at the gate. No camera can
// have that name.
const batchOwner = "a stream of batches"

// regionUse is what the ledger says about memory of batches, which no camera owns.
func regionUse() gpu.Use { return gpu.Use{Purpose: gpu.PurposeBatch} }

// BatchRegion takes memory for batches that other processes read: slots of stride bytes,
// filled with zeros, on the GPU where most of the frames near are, or on the first one.
// Frames are only looked at. Tensors of frames that are elsewhere are made by elsewhere.
// Errors that wrap [gpu.ErrOutOfMemory] say that there is no room, [ErrUnavailable] that
// there is no GPU, and [gpu.ErrUnsupported] that the driver does not let others open it.
func (b *Backend) BatchRegion(ctx context.Context, slots int, stride int64, near iter.Seq[*frame.Frame], elsewhere convert.Tensorer) (*BatchRegion, error) {
	if b.cuda == nil {
		return nil, fmt.Errorf("%w: no memory of a GPU: %s", ErrUnavailable, b.Choice.Reason)
	}
	if slots < 1 || stride < 1 || stride > (1<<40)/int64(slots) {
		return nil, fmt.Errorf("backend: %d slots of %d bytes", slots, stride)
	}
	return b.cuda.home(near).newRegion(ctx, slots, stride, elsewhere)
}

// home is the GPU with most of the frames, the first one of several.
func (c *cuda) home(frames iter.Seq[*frame.Frame]) *site {
	count := make(map[*site]int)
	for f := range frames {
		if slot, ok := surface.Of(f); ok {
			count[c.siteOf(slot.Device())]++
		}
	}
	best := c.sites[0]
	for _, s := range c.sites[1:] {
		if count[s] > count[best] {
			best = s
		}
	}
	return best
}

func (s *site) newRegion(ctx context.Context, slots int, stride int64, elsewhere convert.Tensorer) (*BatchRegion, error) {
	// With a place at the gate: the driver may stop everything for it.
	leave, err := s.device.Gate().Acquire(ctx, batchOwner)
	if err != nil {
		return nil, err
	}
	defer leave()
	// Whole units of the driver's: whoever opens a handle sees all that it stands for.
	size := (int64(slots)*stride + gpu.Granularity - 1) / gpu.Granularity * gpu.Granularity
	memory, err := s.takeRegion(size)
	if err != nil {
		return nil, err
	}
	r := &BatchRegion{site: s, memory: memory, elsewhere: elsewhere, size: int64(slots) * stride}
	if err := s.clear(memory); err != nil {
		return nil, errors.Join(err, r.free())
	}
	handle, err := memory.IPCHandle()
	if err != nil {
		return nil, errors.Join(err, r.free())
	}
	info := s.device.Info()
	r.region = &frame.Region{
		Name: "cuda-" + strings.ToLower(rand.Text()), Handle: handle[:], Device: info.Ordinal, UUID: info.UUID,
		Bytes: r.size, Slots: slots, Stride: stride,
	}
	return r, nil
}

// takeRegion takes memory that is left of the batches' share, of the budget and of what
// cameras were promised. One at a time: each must see what the other has taken.
func (s *site) takeRegion(size int64) (*gpu.Memory, error) {
	s.regions.Lock()
	defer s.regions.Unlock()
	admission := s.device.Admission()
	all, used := admission.Stats().Budget, s.device.Ledger().Owned(regionUse().Owner)[gpu.PurposeBatch].Bytes
	if all == 0 {
		var err error
		if _, all, err = s.device.MemInfo(); err != nil {
			return nil, err
		}
	}
	if most := all / batchShare; used+size > most {
		return nil, fmt.Errorf("%w for batches on %s: streams have %d MiB of it and this one needs %d MiB, and all together may have %d MiB, one part in %d of what the worker may use",
			gpu.ErrOutOfMemory, s.device.Info(), used>>20, size>>20, most>>20, batchShare)
	}
	room, err := admission.Reserve(size, batchOwner)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.device.Info(), err)
	}
	memory, err := s.device.Alloc(size, regionUse())
	_ = room.Close() // always nil; what is taken is in the ledger now
	return memory, err
}

// clear fills memory with zeros: it may hold what somebody else's camera saw.
func (s *site) clear(m *gpu.Memory) error {
	stream, err := s.device.NewStream(regionUse())
	if err != nil {
		return err
	}
	all := gpu.DevicePlane{Address: m.Address(), Pitch: gpu.Granularity}
	err = s.device.Memset2D(stream, all, 0, gpu.Granularity, int(m.Size()/gpu.Granularity))
	return errors.Join(err, stream.Synchronize(), stream.Close())
}

// holds says whether a frame's pixels are on the GPU, as its converter wants them.
func (s *site) holds(f *frame.Frame) bool {
	slot, ok := surface.Of(f)
	return ok && slot.Device() == s.device && f.Format == media.PixelNV12
}
