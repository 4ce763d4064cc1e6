package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
)

// SharedMemory is what clients on the same machine map.
type SharedMemory struct {
	// Folder is where it lies; nil = it is not offered.
	Folder *shm.Folder
	// Reason says why it is not offered, for the client.
	Reason string
	// Lease is how long a client may read a batch, [config.MinLease] to [config.MaxLease].
	// 0 = [config.DefaultLease].
	Lease time.Duration
	// Remote offers it also to clients that come neither over a unix socket nor from
	// this machine's loopback addresses: they can share memory in another way, as
	// containers can.
	Remote bool
}

func (m SharedMemory) validate() error {
	if m.Lease != 0 && (m.Lease < config.MinLease || m.Lease > config.MaxLease) {
		return fmt.Errorf("server: SharedMemory.Lease is %v, must be %v to %v", m.Lease, config.MinLease, config.MaxLease)
	}
	return nil
}

// offered says why the caller of ctx gets no shared memory.
func (m SharedMemory) offered(ctx context.Context) error {
	const field = "start.delivery: "
	switch {
	case m.Folder == nil:
		return unavailable(field + "this worker has no shared memory: " + m.Reason + "; use INLINE")
	case !m.Remote && !local(ctx):
		return unavailable(field + "shared memory is offered on unix sockets and to clients of this machine; use INLINE, or start the worker with --shm-remote " +
			"when this client can open " + m.Folder.Path())
	}
	return nil
}

func unavailable(text string) error {
	return apierr.New(codes.FailedPrecondition, apierr.DeliveryUnavailable, text)
}

// local says whether a caller is on this machine, as far as the connection shows it: a
// proxy or tunnel on this machine looks the same. Who can open the files is decided by
// their permissions.
func local(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	if tcp, ok := p.Addr.(*net.TCPAddr); ok {
		return tcp.IP.IsLoopback()
	}
	return p.Addr.Network() == "unix"
}

// shareBatches makes a file for a stream's batches.
func (s *Server) shareBatches(slots, batchBytes int) (*sharedBatches, error) {
	m := s.cfg.SharedMemory
	stride := strideOf(batchBytes)
	size, limit := int64(slots)*int64(stride), m.Folder.Limit()/2
	const smaller = "grant fewer credits at the start, ask for a smaller max_batch_size, UINT8 or FLOAT16, or a smaller tensor"
	if size > limit {
		return nil, apierr.New(codes.ResourceExhausted, apierr.FrameTooLarge,
			fmt.Sprintf("%d slots (one per credit at the start) of %d bytes would have %d bytes, and one stream may have %d, half of the worker's --shm-limit; %s",
				slots, stride, size, limit, smaller),
			apierr.Meta(apierr.MetaRequiredBytes, strconv.FormatInt(size, 10)), apierr.Meta(apierr.MetaLimitBytes, strconv.FormatInt(limit, 10)))
	}
	region, err := m.Folder.Create(size)
	switch {
	case errors.Is(err, shm.ErrFull):
		return nil, apierr.New(codes.ResourceExhausted, apierr.OutOfSharedMemory, err.Error(), apierr.Meta(apierr.MetaRequiredBytes, strconv.FormatInt(size, 10)))
	case err != nil:
		s.cfg.Logger.Warn("no shared memory for a stream", "bytes", size, "error", err)
		return nil, unavailable(fmt.Sprintf("start.delivery: shared memory could not be made: %v; use INLINE", err))
	}
	return &sharedBatches{slotLeases: newSlotLeases(slots, m.Lease), memory: fileBatches{region}, stride: stride, region: &frameportv1.SharedRegion{
		Name: region.Name(), Kind: frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY, Key: region.Path(),
		ByteSize: uint64(size), SlotCount: int32(slots), SlotStride: uint64(stride),
	}}, nil
}

// fileBatches is memory of delivery SHARED_MEMORY.
type fileBatches struct{ region *shm.Region }

func (b fileBatches) fill(ctx context.Context, st *batchStream, offset int, frames []*frame.Frame) []error {
	n := len(frames) * st.tensor.Bytes()
	return st.tensors(ctx, frames, b.region.Bytes()[offset:][:n:n])
}

func (b fileBatches) sound() error {
	if err := b.region.Err(); err != nil {
		return apierr.New(codes.Aborted, apierr.SharedMemoryLost, err.Error()+"; begin the stream again, which makes another one")
	}
	return nil
}

func (b fileBatches) hide() error { return b.region.Remove() }

func (b fileBatches) close() error { return b.region.Close() }
