package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/server/mapping"
)

// inferenceStream is what StreamInferences sends: a stream of batches that go to an
// inference server, whose answers go to the client. While one batch is there the next is
// made, in another slot; a slot is free when the answer has come.
//
// When a request fails the stream ends, and its memory is not used again: the inference
// server may still be reading it.
type inferenceStream struct {
	*batchStream
	server  *inference.Server
	model   *inference.Model
	mapping *inference.Mapping // of shared; nil when tensors are in the requests
	limit   int                // of the client's messages, in bytes
	send    func(*frameportv1.StreamInferencesResponse) error
}

// shape is that of a full batch.
func (in *inferenceStream) shape() []int64 {
	return mapping.Batch(make([]*frameportv1.BatchEntry, in.size), in.tensor).GetShape()
}

// infer has the model answer a batch.
func (in *inferenceStream) infer(ctx context.Context, b *frameportv1.Batch, put func(now time.Time) any) (outgoing, error) {
	requested := time.Now()
	t, done := in.tensorOf(b, put(requested))
	result, err := in.model.Infer(ctx, t)
	if err != nil {
		return outgoing{}, in.inferenceError(ctx, in.server, err)
	}
	answered := time.Now()
	if err := done(); err != nil {
		return outgoing{}, err
	}
	answer := &frameportv1.Inference{
		InferenceNumber: b.GetBatchNumber(), Entries: b.GetEntries(), ModelName: result.Model, ModelVersion: result.Version,
		RequestTime: timestamppb.New(requested), ResponseTime: timestamppb.New(answered), SentTime: timestamppb.New(answered),
	}
	for _, o := range result.Outputs {
		answer.Outputs = append(answer.Outputs, &frameportv1.InferenceOutput{Name: o.Name, Datatype: o.Datatype, Shape: o.Shape, Data: o.Data})
	}
	message := &frameportv1.StreamInferencesResponse{Inference: answer}
	if size := proto.Size(message); size > in.limit {
		return outgoing{}, in.outputsTooLarge(size)
	}
	return outgoing{frames: len(b.GetEntries()), bytes: in.tensor.Bytes(), write: func() error {
		answer.SentTime = timestamppb.New(failpoint.Now())
		return in.send(message)
	}}, nil
}

// tensorOf is a batch as the inference server gets it; done makes its memory free.
func (in *inferenceStream) tensorOf(b *frameportv1.Batch, message any) (t inference.Tensor, done func() error) {
	if m, ok := message.(*batchMessage); ok {
		return inference.Tensor{Shape: b.GetShape(), Data: *m.data}, func() error {
			m.pool.Put(m.data)
			return nil
		}
	}
	at := b.GetShared()
	return inference.Tensor{Shape: b.GetShape(), Mapping: in.mapping, Offset: at.GetOffset(), Bytes: at.GetByteSize()}, func() error {
		return in.shared.ack(at.GetLeaseId())
	}
}

// close has the inference server unmap the memory when no request is left, and gives it
// back.
func (in *inferenceStream) close() {
	in.asking.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), unmapTime)
	defer cancel()
	if err := in.mapping.Close(ctx); err != nil {
		in.cfg.Logger.Warn("memory stays mapped by an inference server", "error", err)
	}
	in.shared.end(in.Server)
}

func (in *inferenceStream) outputsTooLarge(size int) error {
	text := fmt.Sprintf("the model's outputs make a message of %d bytes, ", size)
	if size > MaxResponseBytes {
		text += fmt.Sprintf("and this worker sends %d at most", MaxResponseBytes)
	} else {
		text += fmt.Sprintf("and the client takes %d: raise its receive limit and say so in max_message_bytes", in.limit)
	}
	return apierr.New(codes.ResourceExhausted, apierr.FrameTooLarge, text+"; name fewer output_names, or ask for a smaller max_batch_size",
		apierr.Meta(apierr.MetaRequiredBytes, strconv.Itoa(size)), apierr.Meta(apierr.MetaLimitBytes, strconv.Itoa(in.limit)))
}

// inferenceError is the status of an error of package inference. What it says of the
// connection is for the log: clients know the server by its name only.
func (s *Server) inferenceError(ctx context.Context, server *inference.Server, err error) error {
	select {
	case <-s.stopping:
		return shuttingDown()
	default:
	}
	text := fmt.Sprintf("inference server %s: %v", server.Name(), err)
	const onThisMachine = "; the server must run on the worker's machine with the same /dev/shm (Docker: --ipc=host) as a user who may open the worker's files, " +
		"and newer versions of Triton need --allow-client-shm=true; or use INLINE"
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, inference.ErrUnavailable):
		s.cfg.Logger.WarnContext(ctx, "inference server unavailable", "server", server.Name(), "error", err)
		return apierr.New(codes.Unavailable, apierr.InferenceServerUnavailable,
			fmt.Sprintf("inference server %s can't be reached, is not ready, or has not answered in time; the worker's log says more", server.Name()), apierr.RetryAfter(restartDelay))
	case errors.Is(err, inference.ErrModelNotFound):
		return apierr.New(codes.NotFound, apierr.ModelNotFound, text)
	case errors.Is(err, inference.ErrInvalid):
		return apierr.New(codes.InvalidArgument, apierr.InvalidInference, text)
	case errors.Is(err, inference.ErrMismatch):
		return apierr.New(codes.FailedPrecondition, apierr.ModelMismatch, text)
	case errors.Is(err, inference.ErrRefused):
		return unavailable("start.delivery: " + text + onThisMachine)
	case errors.Is(err, shm.ErrElsewhere):
		return unavailable("start.delivery: " + err.Error() + ", where inference servers look: start the worker with a --shm-dir in /dev/shm, which is the default, or use INLINE")
	case errors.Is(err, shm.ErrLost):
		return apierr.New(codes.Aborted, apierr.SharedMemoryLost, err.Error()+"; begin the stream again, which makes another one")
	case errors.Is(err, inference.ErrTooLarge):
		return apierr.New(codes.ResourceExhausted, apierr.FrameTooLarge, text+
			"; raise the client's receive limit and say so in max_message_bytes, name fewer output_names, or ask for a smaller max_batch_size")
	case errors.Is(err, inference.ErrFailed):
		return apierr.New(codes.Aborted, apierr.InferenceFailed, text)
	}
	return fmt.Errorf("inference server %s: %w", server.Name(), err)
}
