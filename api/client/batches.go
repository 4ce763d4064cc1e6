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
}

// Batches iterates over batches of tensors, each of the newest frames of up to MaxSize
// cameras and of none twice: the worker is asked for the next batch when the loop body
// is done with the one before. Row i of a batch's data belongs to its entry i.
//
// A full batch must not have more than [MaxMessageBytes]: 13 frames of 640x640 as
// FLOAT32, 54 as UINT8. Otherwise the loop ends at once with FRAME_TOO_LARGE. It ends as
// that of [Client.Watch] does; reasons of its own are INVALID_TENSOR, INVALID_BATCH and
// TOO_MANY_STREAMS.
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
	return oneByOne(ctx, c.Frames.StreamBatches, start, credit, (*frameportv1.StreamBatchesResponse).GetBatch)
}
