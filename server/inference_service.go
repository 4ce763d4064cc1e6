package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/inference"
)

type inferenceService struct {
	frameportv1.UnimplementedInferenceServiceServer
	*Server
}

type inferenceCall = grpc.BidiStreamingServer[frameportv1.StreamInferencesRequest, frameportv1.StreamInferencesResponse]

// StreamInferences implements the RPC.
func (s *inferenceService) StreamInferences(call inferenceCall) error {
	if s.cfg.Tensors == nil {
		return unimplemented(frameportv1.InferenceService_StreamInferences_FullMethodName, "make batches of frames from WatchFrames")
	}
	ctx := call.Context()
	first, err := receiveFirst(ctx, s.Server, call.Recv)
	switch {
	case errors.Is(err, io.EOF) || err == nil && first.GetStart() == nil:
		return startRequired()
	case err != nil:
		return err
	}
	in, err := s.newInferenceStream(first.GetStart())
	if err != nil {
		return err
	}
	end, err := s.subscribe(ctx, in.method, in.choice.ids)
	if err != nil {
		return err
	}
	defer end()
	release, err := s.open(ctx, in, first.GetStart())
	if err != nil {
		return err
	}
	defer release()
	grants := make(chan grant)
	s.background.Go(func() { receiveGrants(ctx, call.Recv, grantOfInferences, grants) })
	in.grants = grants
	in.send = call.Send
	return in.run(ctx)
}

// grantOfInferences reads what a client sends after the start.
func grantOfInferences(r *frameportv1.StreamInferencesRequest) grant {
	switch r.GetRequest().(type) {
	case *frameportv1.StreamInferencesRequest_Start:
		return grant{err: startRepeated()}
	case *frameportv1.StreamInferencesRequest_Credits:
		return grant{credits: int(r.GetCredits())}
	}
	return grant{err: emptyRequest()}
}

// newInferenceStream reads what a start asks for; nothing has happened yet.
func (s *inferenceService) newInferenceStream(start *frameportv1.StreamInferencesStart) (*inferenceStream, error) {
	batches, err := s.batchStreamOf(frameportv1.InferenceService_StreamInferences_FullMethodName, &frameportv1.StreamBatchesStart{
		CameraIds: start.GetCameraIds(), LabelSelector: start.GetLabelSelector(), Tensor: start.GetTensor(),
		MaxBatchSize: start.GetMaxBatchSize(), MaxWait: start.GetMaxWait(), Credits: start.Credits,
	})
	if err != nil {
		return nil, err
	}
	in := &inferenceStream{batchStream: batches}
	in.relay, in.ahead = in.infer, max(1, in.credits)
	in.pool = &tensorPool{make(chan *[]byte, in.ahead)}
	if in.limit, err = messageLimit("start.", start.GetMaxMessageBytes()); err != nil {
		return nil, err
	}
	if start.GetModelName() == "" {
		return nil, invalid(apierr.InvalidInference, "start.model_name", "is empty; name a model that the inference server has")
	}
	outputs := map[string]bool{}
	for _, name := range start.GetOutputNames() {
		if name == "" || outputs[name] {
			return nil, invalid(apierr.InvalidInference, "start.output_names", "has %q, empty or twice; name each output once, or none for all", name)
		}
		outputs[name] = true
	}
	switch in.where = start.GetDelivery(); in.where {
	case frameportv1.Delivery_DELIVERY_INLINE:
	case frameportv1.Delivery_DELIVERY_UNSPECIFIED, frameportv1.Delivery_DELIVERY_SHARED_MEMORY:
		in.where = frameportv1.Delivery_DELIVERY_SHARED_MEMORY
		if s.cfg.SharedMemory.Folder == nil {
			return nil, unavailable("start.delivery: this worker has no shared memory: " + s.cfg.SharedMemory.Reason + "; use INLINE")
		}
	case frameportv1.Delivery_DELIVERY_CUDA_IPC:
		if s.cfg.DeviceBatches == nil {
			return nil, unavailable("start.delivery: this worker uses no GPU, GetWorker says why; use SHARED_MEMORY or INLINE")
		}
	default:
		return nil, invalid(apierr.InvalidDelivery, "start.delivery", "is %d, which this version doesn't know; use SHARED_MEMORY or INLINE", start.GetDelivery())
	}
	in.server, err = s.inferenceServer(start.GetServer())
	return in, err
}

// inferenceServer finds a server by its name. Addresses are the worker's business.
func (s *Server) inferenceServer(name string) (*inference.Server, error) {
	if len(s.cfg.InferenceServers) == 0 {
		return nil, apierr.New(codes.NotFound, apierr.InferenceServerNotFound, "this worker was started without an inference server; start it with --inference-server NAME=HOST:PORT")
	}
	if name == "" && len(s.cfg.InferenceServers) == 1 {
		return s.cfg.InferenceServers[0], nil
	}
	names := make([]string, 0, len(s.cfg.InferenceServers))
	for _, i := range s.cfg.InferenceServers {
		if i.Name() == name {
			return i, nil
		}
		names = append(names, i.Name())
	}
	if name == "" {
		return nil, invalid(apierr.InvalidInference, "start.server", "is empty, and there are several; name one of %s", strings.Join(names, ", "))
	}
	return nil, apierr.New(codes.NotFound, apierr.InferenceServerNotFound, fmt.Sprintf("no inference server %q; this worker has %s", name, strings.Join(names, ", ")))
}

// open asks the inference server for the model, takes memory, and has the server map it.
// It ends with ctx, and at shutdown.
func (s *inferenceService) open(ctx context.Context, in *inferenceStream, start *frameportv1.StreamInferencesStart) (release func(), err error) {
	ctx, cancel := s.whileServing(ctx)
	defer cancel()
	in.model, err = in.server.Model(ctx, inference.Want{
		Model: start.GetModelName(), Version: start.GetModelVersion(), Input: start.GetInputName(), Outputs: start.GetOutputNames(),
		Datatype: datatype(in.tensor.Type), Shape: in.shape(), AnswerBytes: in.limit + answerSlack,
	})
	if err != nil {
		return nil, s.inferenceError(ctx, in.server, err)
	}
	bytes, held := in.size*in.tensor.Bytes(), in.limit // of an answer, at most
	if in.where == frameportv1.Delivery_DELIVERY_INLINE {
		held += bytes
	}
	free, err := s.holdBatches(int64(in.ahead) * int64(held))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			free()
		}
	}()
	switch in.where {
	case frameportv1.Delivery_DELIVERY_INLINE:
		return free, nil
	case frameportv1.Delivery_DELIVERY_CUDA_IPC:
		in.shared, err = s.deviceBatches(ctx, in.choice, in.ahead, bytes)
	default:
		in.shared, err = s.shareBatches(in.ahead, bytes)
	}
	if err != nil {
		return nil, err
	}
	if in.mapping, err = in.server.Map(ctx, regionOf(in.shared)); err != nil {
		s.background.Go(in.close)
		return nil, s.inferenceError(ctx, in.server, err)
	}
	return func() {
		free()
		s.background.Go(in.close)
	}, nil
}

// answerSlack is what the inference server's answer may have more than the client's message
// that is made of it.
const answerSlack = 64 << 10

// regionOf is what the inference server is told of a stream's memory.
func regionOf(b *sharedBatches) inference.Region {
	r := inference.Region{Name: b.region.GetName(), Bytes: b.region.GetByteSize(), Handle: b.region.GetRawHandle(), Device: b.region.GetDeviceId()}
	if f, ok := b.memory.(fileBatches); ok {
		r.File = f.region
	}
	return r
}

// whileServing is ctx that also ends at shutdown.
func (s *Server) whileServing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	s.background.Go(func() {
		select {
		case <-s.stopping:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, cancel
}

// datatype is how the protocol names a type.
func datatype(t convert.TensorType) string {
	switch t {
	case convert.TensorUint8:
		return "UINT8"
	case convert.TensorFloat16:
		return "FP16"
	default:
		return "FP32"
	}
}

// unmapTime is how long an inference server may take to unmap a stream's memory.
const unmapTime = 2 * time.Second
