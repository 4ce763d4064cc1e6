package server

import (
	"context"
	"errors"
	"iter"
	"strconv"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

// DeviceBatches makes memory of GPUs for batches that are not sent in messages. It may be
// called from many goroutines.
type DeviceBatches interface {
	// Create takes slots of stride bytes each, filled with zeros, on the GPU where most of
	// the frames near are; those may only be looked at. Errors that wrap
	// [gpu.ErrOutOfMemory] say with numbers that there is no room; others are why no
	// memory can be shared.
	Create(ctx context.Context, slots int, stride int64, near iter.Seq[*frame.Frame]) (DeviceRegion, error)
}

// DeviceRegion is the memory of one stream's batches. Its methods are called one at a
// time.
type DeviceRegion interface {
	// Region describes it for those who open it: an allocation of its own.
	Region() *frame.Region
	// Write makes the tensors of frames, wherever those are, one behind the other from
	// offset on. It returns an error for each frame of which nothing came, and those
	// behind it close up. Clients see the tensors when it returns. The frames stay the
	// caller's.
	Write(ctx context.Context, offset int64, frames []*frame.Frame, t convert.Tensor) []error
	// Close gives the memory back.
	Close() error
}

// deviceOffered says why the caller of ctx gets no memory of a GPU: its handle gives
// write access, as the file of shared memory does.
func (s *Server) deviceOffered(ctx context.Context) error {
	const field = "start.delivery: "
	switch {
	case s.cfg.DeviceBatches == nil:
		return unavailable(field + "this worker uses no GPU, GetWorker says why; use SHARED_MEMORY or INLINE")
	case !s.cfg.SharedMemory.Remote && !local(ctx):
		return unavailable(field + "memory of the GPU is offered on unix sockets and to clients of this machine; use INLINE, or start the worker with --shm-remote " +
			"when this client can open memory of the worker's GPU")
	}
	return nil
}

// deviceBatches takes memory for a stream's batches on the GPU where most of the cameras
// are that it begins with.
func (s *Server) deviceBatches(ctx context.Context, of choice, slots, batchBytes int) (*sharedBatches, error) {
	stride := strideOf(batchBytes)
	region, err := s.cfg.DeviceBatches.Create(ctx, slots, int64(stride), s.newest(ctx, of))
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, gpu.ErrDeviceLost): // the worker is about to end
		return nil, shuttingDown()
	case errors.Is(err, gpu.ErrOutOfMemory):
		return nil, apierr.New(codes.ResourceExhausted, apierr.OutOfDeviceMemory, "start.delivery: "+err.Error()+
			"; end streams that are not needed, grant fewer credits at the start, ask for a smaller max_batch_size, UINT8 or FLOAT16, or a smaller tensor, or use INLINE",
			apierr.Meta(apierr.MetaRequiredBytes, strconv.FormatInt(int64(slots)*int64(stride), 10)))
	default:
		s.cfg.Logger.WarnContext(ctx, "no memory of a GPU for a stream", "error", err)
		return nil, unavailable("start.delivery: memory of the GPU could not be shared: " + err.Error() + "; use SHARED_MEMORY or INLINE")
	}
	r := region.Region()
	return &sharedBatches{slotLeases: newSlotLeases(slots, s.cfg.SharedMemory.Lease), memory: gpuBatches{region}, stride: stride, region: &frameportv1.SharedRegion{
		Name: r.Name, Kind: frameportv1.RegionKind_REGION_KIND_CUDA_IPC, RawHandle: r.Handle, DeviceId: int64(r.Device), DeviceUuid: r.UUID,
		Offset: uint64(r.Offset), ByteSize: uint64(r.Bytes), SlotCount: int32(r.Slots), SlotStride: uint64(r.Stride),
	}}, nil
}

// newest are the newest frames of the cameras that a stream begins with, each of them
// held for one step only.
func (s *Server) newest(ctx context.Context, of choice) iter.Seq[*frame.Frame] {
	return func(yield func(*frame.Frame) bool) {
		for _, c := range s.chosen(ctx, of) {
			feed, err := s.cfg.Cameras.Feed(c.ID)
			if err != nil {
				continue // it went this moment
			}
			f := feed.Ring().Latest()
			if f == nil {
				continue
			}
			more := yield(f)
			f.Release()
			if !more {
				return
			}
		}
	}
}

// gpuBatches is memory of delivery CUDA_IPC.
type gpuBatches struct{ DeviceRegion }

func (b gpuBatches) fill(ctx context.Context, st *batchStream, offset int, frames []*frame.Frame) []error {
	defer func() {
		for _, f := range frames {
			f.Release()
		}
	}()
	return b.Write(ctx, int64(offset), frames, st.tensor)
}

// sound returns nil: nobody can take the memory away from under the worker.
func (b gpuBatches) sound() error { return nil }

// hide does nothing: a handle that was given can't be taken back, and opens nothing once
// the memory is given back.
func (b gpuBatches) hide() error { return nil }

func (b gpuBatches) close() error { return b.Close() }
