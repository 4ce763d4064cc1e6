package client

import (
	"context"
	"iter"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// BatchOptions say what batches are made of. A camera must be in Cameras and match
// Selector; both empty are all cameras. Tensor is required, with its width and height
// at least.
type BatchOptions struct {
	Cameras  []string
	Selector string // label selector; cameras that come and go join and leave
	Tensor   *frameportv1.TensorSpec
	MaxSize  int           // most entries of a batch, up to 256; 0 = 8
	MaxWait  time.Duration // for more entries, from a batch's first one, up to 10 s; 0 = 5 ms, 1 = not at all
	// Shared leaves the tensors in the worker's memory, which this program maps: on the
	// worker's machine and as its user. Nothing is copied, and no message limit applies.
	// The data is for the loop body only, and for the time that the worker lends it
	// (--shm-lease, 2 s) from Batch.SentTime on; later it may be that of another batch.
	Shared bool
}

// Batches iterates over batches of tensors, each of the newest frames of up to MaxSize
// cameras and of none twice: the worker is asked for the next batch when the loop body
// is done with the one before. Row i of a batch's data belongs to its entry i.
//
// A full batch in a message must not have more than [MaxMessageBytes]: 13 frames of
// 640x640 as FLOAT32, 54 as UINT8. Otherwise the loop ends at once with FRAME_TOO_LARGE.
// It ends as that of [Client.Watch] does; reasons of its own are INVALID_TENSOR,
// INVALID_BATCH and TOO_MANY_STREAMS, and with Shared DELIVERY_UNAVAILABLE,
// OUT_OF_SHARED_MEMORY and SHARED_MEMORY_LOST.
func (c *Client) Batches(ctx context.Context, o BatchOptions) iter.Seq2[*frameportv1.Batch, error] {
	begin := &frameportv1.StreamBatchesStart{ // with one credit, unless it says otherwise
		CameraIds: o.Cameras, LabelSelector: o.Selector, Tensor: o.Tensor,
		MaxBatchSize: int32(min(max(o.MaxSize, math.MinInt32), math.MaxInt32)), MaxMessageBytes: MaxMessageBytes,
	}
	if o.MaxWait != 0 {
		begin.MaxWait = durationpb.New(o.MaxWait)
	}
	start := &frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: begin}}
	credit := &frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Credits{Credits: 1}}
	if !o.Shared {
		return oneByOne(ctx, c.Frames.StreamBatches, start, func(r *frameportv1.StreamBatchesResponse) (*frameportv1.Batch, []*frameportv1.StreamBatchesRequest, error) {
			return r.GetBatch(), []*frameportv1.StreamBatchesRequest{credit}, nil
		})
	}
	begin.Delivery = frameportv1.Delivery_DELIVERY_SHARED_MEMORY
	return func(yield func(*frameportv1.Batch, error) bool) {
		m := sharedBatches{credit: credit}
		defer m.close()
		oneByOne(ctx, c.Frames.StreamBatches, start, m.take)(yield)
	}
}

// sharedBatches are those of one loop.
type sharedBatches struct {
	credit *frameportv1.StreamBatchesRequest
	region *frameportv1.SharedRegion
	memory *mapping // of region; nil = there is none yet
}

// take puts the data of a batch where it is in one that came in a message.
func (s *sharedBatches) take(r *frameportv1.StreamBatchesResponse) (*frameportv1.Batch, []*frameportv1.StreamBatchesRequest, error) {
	b := r.GetBatch()
	if b == nil {
		memory, err := mapRegion(r.GetRegion())
		if err == nil {
			s.close()
			s.region, s.memory = r.GetRegion(), memory
		}
		return nil, nil, err
	}
	at := b.GetShared()
	data, err := s.memory.slice(s.region, at.GetRegion(), at.GetOffset(), at.GetByteSize())
	b.Tensor = &frameportv1.Batch_Data{Data: data}
	ack := &frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Ack{Ack: &frameportv1.LeaseAck{LeaseId: at.GetLeaseId()}}}
	return b, []*frameportv1.StreamBatchesRequest{ack, s.credit}, err
}

func (s *sharedBatches) close() {
	if s.memory != nil {
		s.memory.release()
	}
}
