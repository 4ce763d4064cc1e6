package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"math"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// ShareOptions say how frames are shared. The zero value is one frame at a time, as
// fast as they come.
type ShareOptions struct {
	MaxLeases int           // frames held at a time, up to 16; 0 = 1
	Lease     time.Duration // how long one may be held, 10 ms to 60 s; 0 = what the worker says, usually 2 s
	MaxFPS    float64       // up to 1000; 0 = no limit
}

// SharedFrame is a frame in the worker's memory, which nobody writes to while its lease
// lasts. The pixels are there until Ack; when the lease has expired before, they may be
// those of another frame. When somebody shortens the file, touching them ends the program.
type SharedFrame struct {
	*frameportv1.FrameLease
	Region *frameportv1.SharedRegion
	// Planes are those of Region.Planes, from the first pixel on: rows are Stride bytes
	// apart. They must not be written to, and not be touched after Ack.
	Planes [][]byte

	memory *mapping
	at     int // of the generation
	ack    func()
	kept   bool
}

// Keep leaves it to the caller to Ack the frame, also after the loop body or the loop.
// It is called in the loop body.
func (f *SharedFrame) Keep() { f.kept = true }

// Ack gives the frame back. Any goroutine may call it, and more than once.
func (f *SharedFrame) Ack() { f.ack() }

// Valid says that the slot still holds this frame: whatever was read before is of it. It
// may not be called after Ack.
func (f *SharedFrame) Valid() bool { return f.memory.generation(f.at) == f.GetGeneration() }

// Share iterates over a camera's frames without copying them, always the newest: Planes
// lie in memory that this program maps, on the worker's machine and as its user. A frame
// is given back when the loop body is done, unless it has called Keep. Frames of cameras
// that are decoded on a GPU can't be had here, and end the loop with SHARING_UNAVAILABLE.
//
// The loop ends as that of [Client.Watch] does; reasons of its own are
// SHARING_UNAVAILABLE, OUT_OF_SHARED_MEMORY, TOO_MANY_LEASES, INVALID_SHARE and
// SHARED_MEMORY_LOST, and an error of the system when the memory can't be mapped.
func (c *Client) Share(ctx context.Context, camera string, o ShareOptions) iter.Seq2[*SharedFrame, error] {
	open := &frameportv1.ShareOpen{
		CameraId: camera, Kind: frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY,
		MaxLeases: int32(min(max(o.MaxLeases, math.MinInt32), math.MaxInt32)), MaxFps: o.MaxFPS,
	}
	if o.Lease != 0 {
		open.LeaseDuration = durationpb.New(o.Lease)
	}
	return func(yield func(*SharedFrame, error) bool) {
		call, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := c.Frames.ShareFrames(call)
		if err != nil {
			yield(nil, reasonOrContext(ctx, err))
			return
		}
		s := &sharing{stream: stream}
		defer s.close()
		s.send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Open{Open: open}})
		for {
			f, err := s.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, reasonOrContext(ctx, err))
				return
			}
			more := yield(f, nil)
			if !f.kept {
				f.Ack()
			}
			if !more {
				return
			}
		}
	}
}

// sharing is one loop of [Client.Share].
type sharing struct {
	stream frameportv1.FrameService_ShareFramesClient
	region *frameportv1.SharedRegion
	memory *mapping // of region; nil = there is none
	gone   error    // why the file of region could not be opened, when it was not there

	mu sync.Mutex // of sending
}

func (s *sharing) send(m *frameportv1.ShareFramesRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.stream.Send(m) // when it fails, Recv knows why
}

// next waits for a frame.
func (s *sharing) next() (*SharedFrame, error) {
	for {
		m, err := s.stream.Recv()
		if err != nil {
			return nil, err
		}
		if l := m.GetLease(); l != nil {
			if s.gone == nil {
				return s.frame(l)
			}
			if time.Now().Before(l.GetExpireTime().AsTime()) {
				return nil, s.gone
			}
			s.ack(l) // the region went while the message waited for us; there is another one
			continue
		}
		memory, err := mapRegion(m.GetRegion())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		s.close()
		s.region, s.memory, s.gone = m.GetRegion(), memory, err
	}
}

func (s *sharing) frame(l *frameportv1.FrameLease) (*SharedFrame, error) {
	f := &SharedFrame{FrameLease: l, Region: s.region, memory: s.memory}
	slot, err := s.memory.slice(s.region, l.GetRegion(), l.GetOffset(), s.region.GetSlotStride())
	if err != nil {
		return nil, err
	}
	if l.GetByteSize() > uint64(len(slot)) || s.region.GetGenerationOffset()+8 > uint64(len(slot)) || l.GetOffset()%8 != 0 || s.region.GetGenerationOffset()%8 != 0 {
		return nil, wrongRegion(s.region)
	}
	f.at = int(l.GetOffset() + s.region.GetGenerationOffset())
	for _, p := range s.region.GetPlanes() {
		from, end := p.GetOffset(), min(p.GetOffset()+int64(p.GetStride())*int64(p.GetHeight()), int64(l.GetByteSize()))
		if from < 0 || from > end {
			return nil, wrongRegion(s.region)
		}
		f.Planes = append(f.Planes, slot[from:end:end])
	}
	f.memory.hold()
	f.ack = sync.OnceFunc(func() {
		s.ack(l)
		f.memory.release()
	})
	return f, nil
}

func (s *sharing) ack(l *frameportv1.FrameLease) {
	s.send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Ack{Ack: &frameportv1.LeaseAck{LeaseId: l.GetLeaseId()}}})
}

// close gives up the region that frames came from last; frames that are kept have it on.
func (s *sharing) close() {
	if s.memory != nil {
		s.memory.release()
	}
}
