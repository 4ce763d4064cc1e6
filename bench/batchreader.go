package main

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// largestMessage is what a worker sends at most.
const largestMessage = 64 << 20

// batchLoad is what is measured with batches.
type batchLoad struct {
	camera recipe
	count  int // cameras, and most entries of a batch
	fps    float64
	size   int // of the tensors, both sides
	work   time.Duration
}

// batchesOf is the load of the targets: 8 cameras for a model of 640x640.
func batchesOf(camera recipe) batchLoad {
	return batchLoad{camera: camera, count: cameraCount, fps: float64(camera.fps), size: 640, work: slowReader}
}

// pause lets every camera have a new frame.
func (b batchLoad) pause() time.Duration { return time.Duration(2.5 / b.fps * float64(time.Second)) }

func (b batchLoad) tensor(dtype frameportv1.TensorDtype) *frameportv1.TensorSpec {
	return &frameportv1.TensorSpec{Dtype: dtype, Width: int32(b.size), Height: int32(b.size)}
}

// batchArrival is a batch in the reader's hands. Its tensor is not kept.
type batchArrival struct {
	entries   []*frameportv1.BatchEntry
	bytes     int
	asked     time.Time // when its credit was granted
	sent, at  time.Time
	batchSize int
}

// ages are how long ago the worker had received the frames, in milliseconds.
func (a batchArrival) ages() []float64 {
	var out []float64
	for _, e := range a.entries {
		out = append(out, a.at.Sub(e.GetReceivedTime().AsTime()).Seconds()*1000)
	}
	return out
}

// batches reads batches with one credit for a time. After each one the reader works,
// and grants the next one only then.
func (w *worker) batches(ctx context.Context, ids []string, tensor *frameportv1.TensorSpec, window, work time.Duration) ([]batchArrival, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.frames.StreamBatches(ctx, grpc.MaxCallRecvMsgSize(largestMessage))
	if err != nil {
		return nil, err
	}
	next := &frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: &frameportv1.StreamBatchesStart{
		CameraIds: ids, Tensor: tensor, MaxBatchSize: int32(len(ids)), MaxMessageBytes: largestMessage,
	}}}
	var got []batchArrival
	for begin := time.Now(); time.Since(begin) < window || len(got) < 2; {
		asked := time.Now()
		if err := stream.Send(next); err != nil {
			return nil, err
		}
		r, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		b := r.GetBatch()
		got = append(got, batchArrival{
			entries: b.GetEntries(), bytes: len(b.GetData()), asked: asked, sent: b.GetSentTime().AsTime(), at: time.Now(), batchSize: len(ids),
		})
		if err := pause(ctx, work); err != nil {
			return nil, err
		}
		next = &frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Credits{Credits: 1}}
	}
	for _, a := range got {
		if len(a.entries) == 0 || a.bytes == 0 {
			return nil, errors.New("an empty batch")
		}
	}
	return got[1:], nil // the first one waited for the connection
}

// full keeps the batches that have a frame of every camera.
func full(got []batchArrival) (out []batchArrival) {
	for _, a := range got {
		if len(a.entries) == a.batchSize {
			out = append(out, a)
		}
	}
	return out
}
