package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/server/mapping"
)

const (
	defaultBatchSize = 8
	maxBatchSize     = 256
	defaultBatchWait = 5 * time.Millisecond
	maxBatchWait     = 10 * time.Second
	// entryBytes is more than an entry takes in a message beside its tensor.
	entryBytes = 512
)

// StreamBatches implements the RPC.
func (s *frameService) StreamBatches(call grpc.BidiStreamingServer[frameportv1.StreamBatchesRequest, frameportv1.StreamBatchesResponse]) error {
	if s.cfg.Tensors == nil {
		return unimplemented(frameportv1.FrameService_StreamBatches_FullMethodName, "make batches of frames from WatchFrames")
	}
	ctx := call.Context()
	first, err := receiveFirst(ctx, s.Server, call.Recv)
	switch {
	case errors.Is(err, io.EOF) || err == nil && first.GetStart() == nil:
		return startRequired()
	case err != nil:
		return err
	}
	st, err := s.newBatchStream(ctx, first.GetStart())
	if err != nil {
		return err
	}
	end, err := s.subscribe(ctx, st.method, st.choice.ids)
	if err != nil {
		return err
	}
	defer end()
	if release, err := s.room(call, st); err != nil {
		return err
	} else {
		defer release()
	}
	grants := make(chan grant)
	s.background.Go(func() { receiveGrants(ctx, call.Recv, grantOfBatches, grants) })
	st.grants = grants
	st.write = call.SendMsg
	return st.run(ctx)
}

// grantOfBatches reads what a client sends after the start.
func grantOfBatches(r *frameportv1.StreamBatchesRequest) grant {
	switch r.GetRequest().(type) {
	case *frameportv1.StreamBatchesRequest_Start:
		return grant{err: startRepeated()}
	case *frameportv1.StreamBatchesRequest_Credits:
		return grant{credits: int(r.GetCredits())}
	case *frameportv1.StreamBatchesRequest_Ack:
		return grant{ack: true, lease: r.GetAck().GetLeaseId()}
	}
	return grant{err: emptyRequest()}
}

// room gets a stream the memory for its batches, and tells the client where it is when
// it is shared.
func (s *frameService) room(call grpc.BidiStreamingServer[frameportv1.StreamBatchesRequest, frameportv1.StreamBatchesResponse], st *batchStream) (release func(), err error) {
	shared, bytes, slots := (*sharedBatches)(nil), st.size*st.tensor.Bytes(), max(1, st.credits)
	switch st.where {
	case frameportv1.Delivery_DELIVERY_SHARED_MEMORY:
		shared, err = s.shareBatches(slots, bytes)
	case frameportv1.Delivery_DELIVERY_CUDA_IPC:
		shared, err = s.deviceBatches(call.Context(), st.choice, slots, bytes)
	default:
		return s.holdBatches(int64(bytes))
	}
	if err != nil {
		return nil, err
	}
	region := &frameportv1.StreamBatchesResponse{Response: &frameportv1.StreamBatchesResponse_Region{Region: shared.region}}
	if err := s.send(call.Context(), st.method, func() error { return call.Send(region) }); err != nil {
		shared.end(s.Server)
		return nil, err
	}
	st.shared, st.leases = shared, shared.leases
	return func() { shared.end(s.Server) }, nil
}

func (s *frameService) newBatchStream(ctx context.Context, start *frameportv1.StreamBatchesStart) (*batchStream, error) {
	st, err := s.batchStreamOf(frameportv1.FrameService_StreamBatches_FullMethodName, start)
	if err != nil {
		return nil, err
	}
	switch st.where = start.GetDelivery(); st.where {
	case frameportv1.Delivery_DELIVERY_UNSPECIFIED, frameportv1.Delivery_DELIVERY_INLINE:
		st.where = frameportv1.Delivery_DELIVERY_INLINE
	case frameportv1.Delivery_DELIVERY_SHARED_MEMORY:
		err = s.cfg.SharedMemory.offered(ctx)
	case frameportv1.Delivery_DELIVERY_CUDA_IPC:
		err = s.deviceOffered(ctx)
	default:
		err = invalid(apierr.InvalidDelivery, "start.delivery", "is %d, which this version doesn't know; use INLINE", start.GetDelivery())
	}
	if err != nil {
		return nil, err
	}
	return st, st.fits(start.GetMaxMessageBytes())
}

// batchStreamOf makes a stream of the batches that start asks for, wherever they go.
func (s *Server) batchStreamOf(method string, start *frameportv1.StreamBatchesStart) (*batchStream, error) {
	st := &batchStream{stream: stream{Server: s, method: method, rota: newRota(0)}, pool: newTensorPool()}
	st.pick, st.due = st.pickBatch, st.dueBatch
	var err error
	if st.choice, err = newChoice(start.GetCameraIds(), start.GetLabelSelector()); err != nil {
		return nil, err
	}
	if st.tensor, err = mapping.Tensor(start.GetTensor()); err != nil {
		return nil, wrongField("start.tensor", err)
	}
	if st.credits, err = startCredits(start.Credits); err != nil {
		return nil, err
	}
	st.size = int(start.GetMaxBatchSize())
	if st.size == 0 {
		st.size = defaultBatchSize
	}
	if st.size < 1 || st.size > maxBatchSize {
		return nil, invalid(apierr.InvalidBatch, "start.max_batch_size", "is %d; give 1 to %d, or 0 for %d", st.size, maxBatchSize, defaultBatchSize)
	}
	st.maxWait = defaultBatchWait
	if d := start.GetMaxWait(); d != nil {
		st.maxWait = d.AsDuration()
		if d.CheckValid() != nil || st.maxWait < 0 || st.maxWait > maxBatchWait {
			return nil, invalid(apierr.InvalidBatch, "start.max_wait", "is %s; give 0 to %v, or leave it unset for %v", seconds(d), maxBatchWait, defaultBatchWait)
		}
	}
	return st, nil
}

// fits refuses batches that could become larger than the client or the worker allows:
// at the start, and not when as many cameras as that have frames.
func (st *batchStream) fits(maxMessageBytes int32) error {
	limit, err := messageLimit("start.", maxMessageBytes)
	if err != nil {
		return err
	}
	size := st.size * (st.tensor.Bytes() + entryBytes)
	if st.where != frameportv1.Delivery_DELIVERY_INLINE {
		size = st.size * entryBytes
	}
	if size <= limit {
		return nil
	}
	text := fmt.Sprintf("a batch of %d tensors of %d bytes would have about %d bytes, ", st.size, st.tensor.Bytes(), size)
	smaller := "ask for a smaller max_batch_size, UINT8 or FLOAT16, or a smaller tensor"
	if st.size == 1 {
		smaller = "ask for UINT8 or FLOAT16, or a smaller tensor"
	}
	if size > MaxResponseBytes {
		text += fmt.Sprintf("this worker sends %d at most; %s", MaxResponseBytes, smaller)
	} else {
		text += fmt.Sprintf("the client takes %d; raise its receive limit (Go: grpc.MaxCallRecvMsgSize, Python: option "+
			"grpc.max_receive_message_length) and say so in max_message_bytes, or %s", limit, smaller)
	}
	return apierr.New(codes.ResourceExhausted, apierr.FrameTooLarge, text,
		apierr.Meta(apierr.MetaRequiredBytes, strconv.Itoa(size)), apierr.Meta(apierr.MetaLimitBytes, strconv.Itoa(limit)))
}

// holdBatches notes that one more stream can have batches, or answers to them, of so many
// bytes.
func (s *Server) holdBatches(bytes int64) (release func(), err error) {
	if total := s.batchBytes.Add(bytes); total > maxBatchBytes {
		s.batchBytes.Add(-bytes)
		return nil, apierr.New(codes.ResourceExhausted, apierr.TooManyStreams,
			fmt.Sprintf("with this stream the batches of all open ones, and the answers to them, could have %d bytes, and this worker allows %d; "+
				"end streams that are not needed, or ask for a smaller max_batch_size, UINT8 or FLOAT16, or a smaller tensor; "+
				"for inferences grant fewer credits at the start, or say a smaller max_message_bytes", total, maxBatchBytes),
			apierr.Meta(apierr.MetaRequiredBytes, strconv.FormatInt(total, 10)), apierr.Meta(apierr.MetaLimitBytes, strconv.Itoa(maxBatchBytes)))
	}
	return func() { s.batchBytes.Add(-bytes) }, nil
}
