package kservetest

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/internal/kserve"
)

// ModelInfer implements the protocol.
func (s *Server) ModelInfer(ctx context.Context, r *kserve.ModelInferRequest) (*kserve.ModelInferResponse, error) {
	m, err := s.model(r.GetModelName(), r.GetModelVersion())
	if err != nil {
		return nil, err
	}
	if len(r.GetInputs()) != 1 {
		return nil, status.Errorf(codes.InvalidArgument, "expected 1 inputs but got %d inputs for model '%s'", len(r.GetInputs()), r.GetModelName())
	}
	in := r.GetInputs()[0]
	if err := m.Input.takes(in); err != nil {
		return nil, err
	}
	data, request, done, err := s.data(r, in)
	if err != nil {
		return nil, err
	}
	defer done()
	s.mu.Lock()
	s.requests = append(s.requests, request)
	s.mu.Unlock()
	if s.cfg.Before != nil {
		if err := s.cfg.Before(ctx, request); err != nil {
			return nil, err
		}
	}
	if request.Region != "" && data == nil {
		return nil, status.Error(codes.Unimplemented, "there is no GPU to read from")
	}
	results, err := m.Run(in.GetShape(), data)
	if err != nil {
		return nil, err
	}
	return m.answer(r, results), nil
}

// data finds the tensor's bytes.
func (s *Server) data(r *kserve.ModelInferRequest, in *kserve.ModelInferRequest_InferInputTensor) (data []byte, request Request, done func(), err error) {
	request = Request{Model: r.GetModelName(), Shape: in.GetShape(), Region: in.GetParameters()["shared_memory_region"].GetStringParam()}
	for _, raw := range r.GetRawInputContents() {
		request.Inline += len(raw)
	}
	size := int64(1)
	for _, n := range in.GetShape() {
		size *= n
	}
	size *= map[string]int64{"UINT8": 1, "FP16": 2, "FP32": 4}[in.GetDatatype()]
	if request.Region == "" {
		if len(r.GetRawInputContents()) != 1 || int64(request.Inline) != size {
			return nil, request, nil, status.Errorf(codes.InvalidArgument, "unexpected total byte size %d for input '%s', expecting %d", request.Inline, in.GetName(), size)
		}
		return r.GetRawInputContents()[0], request, func() {}, nil
	}
	request.Offset = in.GetParameters()["shared_memory_offset"].GetInt64Param()
	if got := in.GetParameters()["shared_memory_byte_size"].GetInt64Param(); got != size || request.Inline > 0 {
		return nil, request, nil, status.Errorf(codes.InvalidArgument, "unexpected total byte size %d for input '%s', expecting %d", got, in.GetName(), size)
	}
	data, done, err = s.memory.use(request.Region, request.Offset, size)
	return data, request, done, err
}

func (t Tensor) takes(in *kserve.ModelInferRequest_InferInputTensor) error {
	ok := in.GetName() == t.Name && in.GetDatatype() == t.Datatype && len(in.GetShape()) == len(t.Shape)
	for i := range t.Shape {
		ok = ok && (t.Shape[i] == -1 && in.GetShape()[i] > 0 || t.Shape[i] == in.GetShape()[i])
	}
	if !ok {
		return status.Errorf(codes.InvalidArgument, "unexpected shape for input '%s': expected %v, got %v", t.Name, t.Shape, in.GetShape())
	}
	return nil
}

// answer writes the outputs that are wanted.
func (m *Model) answer(r *kserve.ModelInferRequest, results []Result) *kserve.ModelInferResponse {
	out := &kserve.ModelInferResponse{ModelName: r.GetModelName(), ModelVersion: m.Version, Id: r.GetId()}
	for i, t := range m.Outputs {
		wanted := len(r.GetOutputs()) == 0 || slices.ContainsFunc(r.GetOutputs(), func(o *kserve.ModelInferRequest_InferRequestedOutputTensor) bool { return o.GetName() == t.Name })
		if !wanted {
			continue
		}
		out.Outputs = append(out.Outputs, &kserve.ModelInferResponse_InferOutputTensor{Name: t.Name, Datatype: t.Datatype, Shape: results[i].Shape, Contents: results[i].Typed})
		if results[i].Typed == nil {
			out.RawOutputContents = append(out.RawOutputContents, results[i].Raw)
		}
	}
	return out
}
