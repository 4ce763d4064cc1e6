package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

// slots is memory of frames in a region of real shared memory, as a decoder has it: a
// frame takes a slot that nobody holds.
type slots struct {
	t       *testing.T
	file    *shm.Region
	region  *frame.Region
	account *frame.Account

	mu    sync.Mutex
	free  []int
	taken map[*frame.Frame]int
	ready error // what Ready says
	calls int   // of Ready
	hold  chan struct{}
}

const (
	slotWidth, slotHeight = 64, 48
	slotBytes             = slotWidth*slotHeight*3/2 + 64
	slotStride            = 8192
)

// slots makes a region of n slots, which must be free again at the end of the test.
func (s *sharing) slots(n int) *slots {
	s.t.Helper()
	file, err := s.folder.Create(int64(n) * slotStride)
	if err != nil {
		s.t.Fatal(err)
	}
	sl := &slots{t: s.t, file: file, account: s.cameras.account, taken: map[*frame.Frame]int{}}
	for i := range n {
		sl.free = append(sl.free, i)
	}
	sl.region = &frame.Region{
		Name: file.Name(), Path: file.Path(), Bytes: int64(n) * slotStride, Slots: n, Stride: slotStride,
		Format: media.PixelI420, Width: slotWidth, Height: slotHeight, Color: media.Color{}.Resolve(slotHeight), Generation: 8,
		Planes: []frame.PlaneLayout{
			{Offset: 64, Pitch: 64, Rows: 48}, {Offset: 64 + 64*48, Pitch: 32, Rows: 24}, {Offset: 64 + 64*48 + 32*24, Pitch: 32, Rows: 24},
		},
	}
	s.t.Cleanup(func() { // before the folder is closed
		for _, c := range s.cameras.List() {
			_ = s.cameras.Remove(context.Background(), c.ID)
		}
		eventually(s.t, "all slots to be free", func() bool { return sl.out() == 0 })
		if err := file.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return sl
}

func (s *slots) out() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

// frame returns a frame whose pixels are all value, or nil when no slot is free.
func (s *slots) frame(value byte) *frame.Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		return nil
	}
	slot := s.free[0]
	s.free = s.free[1:]
	memory := s.file.Bytes()[slot*slotStride:][:slotBytes]
	generation := memory[s.region.Generation:]
	binary.LittleEndian.PutUint64(generation, binary.LittleEndian.Uint64(generation)+1)
	copy(memory[64:], bytes.Repeat([]byte{value}, slotBytes-64))
	var planes [3]frame.Plane
	for i, p := range s.region.Planes {
		planes[i] = frame.Plane{Data: memory[p.Offset:][:p.Pitch*p.Rows], Pitch: p.Pitch}
	}
	f := &frame.Frame{}
	f.Reset(frame.Info{Format: media.PixelI420, Width: slotWidth, Height: slotHeight}, planes, s)
	s.taken[f] = slot
	s.account.Book(1, 0)
	return f
}

func (s *slots) Recycle(f *frame.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, s.taken[f])
	delete(s.taken, f)
	s.account.Book(-1, 0)
}

func (s *slots) Place(f *frame.Frame) (frame.Place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := s.taken[f]
	return frame.Place{Region: s.region, Slot: slot, Generation: binary.LittleEndian.Uint64(s.file.Bytes()[slot*slotStride+8:])}, true
}

func (s *slots) Ready(*frame.Frame) error {
	s.mu.Lock()
	hold, err := s.hold, s.ready
	s.calls++
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return err
}

// asked is how often a frame was made ready.
func (s *slots) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *slots) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = err
}

// shared publishes a frame in a slot, or without one when none is free.
func (c *fakeCamera) shared(s *slots) uint64 {
	if f := s.frame(byte(c.next.Sequence)); f != nil {
		return c.send(f, frame.Drops{}).Sequence
	}
	return c.publish(frame.Drops{}).Sequence
}

// sharer is a client of ShareFrames with what it has mapped.
type sharer struct {
	t *testing.T
	frameportv1.FrameService_ShareFramesClient
	regions []*frameportv1.SharedRegion
	memory  []byte // of the last one
	end     context.CancelFunc
}

func openShare(o *frameportv1.ShareOpen) *frameportv1.ShareFramesRequest {
	return &frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Open{Open: o}}
}

func ackShare(id uint64) *frameportv1.ShareFramesRequest {
	return &frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Ack{Ack: &frameportv1.LeaseAck{LeaseId: id}}}
}

// share opens a stream and sends first.
func (h *harness) share(first ...*frameportv1.ShareFramesRequest) *sharer {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	stream, err := h.frame.ShareFrames(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	r := &sharer{t: h.t, FrameService_ShareFramesClient: stream, end: cancel}
	for _, m := range first {
		_ = r.Send(m) // what is wrong, Recv says
	}
	h.t.Cleanup(func() {
		cancel()
		if err := r.unmap(); err != nil {
			h.t.Error(err)
		}
	})
	return r
}

func (r *sharer) unmap() error {
	if r.memory == nil {
		return nil
	}
	m := r.memory
	r.memory = nil
	return syscall.Munmap(m)
}

// lease returns the next lease whose frame says what the lease does.
func (r *sharer) lease() *frameportv1.FrameLease {
	r.t.Helper()
	for {
		m, err := r.Recv()
		if err != nil {
			r.t.Fatal(err)
		}
		if l := m.GetLease(); l != nil {
			if len(r.regions) == 0 || l.GetRegion() != r.regions[len(r.regions)-1].GetName() {
				r.t.Fatalf("%v is of no region that was told: %v", l, r.regions)
			}
			if !r.holds(l, byte(l.GetSequence())) {
				r.t.Errorf("another frame than %v", l)
			}
			return l
		}
		r.open(m.GetRegion())
	}
}

func (r *sharer) open(region *frameportv1.SharedRegion) {
	r.t.Helper()
	if region == nil || slices.ContainsFunc(r.regions, func(o *frameportv1.SharedRegion) bool { return o.GetName() == region.GetName() }) {
		r.t.Fatalf("region %v after %v", region, r.regions)
	}
	f, err := os.Open(region.GetKey())
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if err := r.unmap(); err != nil {
		r.t.Fatal(err)
	}
	r.regions = append(r.regions, region)
	r.memory, err = syscall.Mmap(int(f.Fd()), 0, int(region.GetOffset()+region.GetByteSize()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		r.t.Fatal(err)
	}
}

// holds says whether the slot of l still holds the frame that it was given for, with
// all samples of the value.
func (r *sharer) holds(l *frameportv1.FrameLease, value byte) bool {
	region := r.regions[len(r.regions)-1]
	slot := r.memory[l.GetOffset():][:l.GetByteSize()]
	if binary.LittleEndian.Uint64(slot[region.GetGenerationOffset():]) != l.GetGeneration() || l.GetGeneration() == 0 ||
		l.GetOffset() != region.GetOffset()+uint64(l.GetSlot())*region.GetSlotStride() {
		return false
	}
	for _, p := range region.GetPlanes() {
		plane := slot[p.GetOffset():][:p.GetStride()*p.GetHeight()]
		if !bytes.Equal(plane, bytes.Repeat([]byte{value}, len(plane))) {
			return false
		}
	}
	return true
}

func (r *sharer) ack(l *frameportv1.FrameLease) {
	r.t.Helper()
	if err := r.Send(ackShare(l.GetLeaseId())); err != nil {
		r.t.Fatal(err)
	}
}

// err is how the stream ends.
func (r *sharer) err() error {
	for {
		if _, err := r.Recv(); err != nil {
			return err
		}
	}
}

var errBroken = errors.New("no such luck")
