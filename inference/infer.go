package inference

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"github.com/frameport/frameport/internal/kserve"
)

// Tensor is one batch: Bytes from Offset of a mapping, or Data.
type Tensor struct {
	Shape []int64

	Mapping *Mapping
	Offset  uint64
	Bytes   uint64

	Data []byte
}

// Result is what a model made.
type Result struct {
	Model   string
	Version string
	Outputs []Output
}

// Output is one tensor that a model made.
type Output struct {
	Name     string
	Datatype string // as the protocol names it
	Shape    []int64
	// Data are the elements, little-endian, row by row. BYTES: each with its length in
	// four bytes before it.
	Data []byte
}

// Infer runs the model on a tensor and waits for the answer. The errors are
// [ErrUnavailable], [ErrFailed], [ErrTooLarge], and those of [Server.Map] when the server
// was restarted.
func (m *Model) Infer(ctx context.Context, t Tensor) (Result, error) {
	request := m.request(t)
	round := 0
	if t.Mapping != nil {
		round = t.Mapping.current()
	}
	response, err := m.call(ctx, request)
	if err != nil && t.Mapping != nil && t.Mapping.forgotten(err) {
		if err := t.Mapping.again(ctx, round); err != nil {
			return Result{}, err
		}
		response, err = m.call(ctx, request)
	}
	if err != nil {
		return Result{}, classify(ctx, err, ErrFailed)
	}
	return result(response)
}

func (m *Model) call(ctx context.Context, r *kserve.ModelInferRequest) (*kserve.ModelInferResponse, error) {
	call, cancel := context.WithTimeout(ctx, m.server.timeout)
	defer cancel()
	return m.server.client.ModelInfer(call, r, grpc.MaxCallRecvMsgSize(m.want.AnswerBytes))
}

func (m *Model) request(t Tensor) *kserve.ModelInferRequest {
	input := &kserve.ModelInferRequest_InferInputTensor{Name: m.want.Input, Datatype: m.want.Datatype, Shape: t.Shape}
	r := &kserve.ModelInferRequest{ModelName: m.want.Model, ModelVersion: m.want.Version, Inputs: []*kserve.ModelInferRequest_InferInputTensor{input}}
	for _, name := range m.want.Outputs {
		r.Outputs = append(r.Outputs, &kserve.ModelInferRequest_InferRequestedOutputTensor{Name: name})
	}
	if t.Mapping == nil {
		r.RawInputContents = [][]byte{t.Data}
		return r
	}
	input.Parameters = map[string]*kserve.InferParameter{
		"shared_memory_region":    {ParameterChoice: &kserve.InferParameter_StringParam{StringParam: t.Mapping.region.Name}},
		"shared_memory_offset":    number(t.Offset),
		"shared_memory_byte_size": number(t.Bytes),
	}
	return r
}

func number(n uint64) *kserve.InferParameter {
	return &kserve.InferParameter{ParameterChoice: &kserve.InferParameter_Int64Param{Int64Param: int64(n)}}
}

// result reads an answer, whose outputs are either all raw or all typed.
func result(r *kserve.ModelInferResponse) (Result, error) {
	out := Result{Model: r.GetModelName(), Version: r.GetModelVersion(), Outputs: make([]Output, 0, len(r.GetOutputs()))}
	raw := r.GetRawOutputContents()
	if len(raw) > 0 && len(raw) != len(r.GetOutputs()) {
		return out, fmt.Errorf("%w: the server answers %d outputs with the contents of %d", ErrFailed, len(r.GetOutputs()), len(raw))
	}
	for i, o := range r.GetOutputs() {
		next := Output{Name: o.GetName(), Datatype: o.GetDatatype(), Shape: o.GetShape()}
		if len(raw) > 0 {
			next.Data = raw[i]
		} else {
			next.Data = contents(next.Datatype, o.GetContents())
		}
		if err := next.check(); err != nil {
			return out, err
		}
		out.Outputs = append(out.Outputs, next)
	}
	return out, nil
}
