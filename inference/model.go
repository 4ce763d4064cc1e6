package inference

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/internal/kserve"
)

// Want is a model and what it is to do.
type Want struct {
	Model   string
	Version string   // "" = the server decides
	Input   string   // "" = its only one
	Outputs []string // none = all
	// Datatype is that of the tensors, as the protocol names it: UINT8, FP16, FP32.
	Datatype string
	// Shape is that of a full batch, entries first.
	Shape []int64
	// AnswerBytes is the largest answer that is read, up to [MaxAnswerBytes], which 0 is.
	AnswerBytes int
}

// Model is a model that takes the tensors that it was asked for.
type Model struct {
	server *Server
	want   Want // with the input's name
}

// Model asks the server for a model and compares its input with the tensors. The errors
// are [ErrUnavailable], [ErrModelNotFound], [ErrInvalid], [ErrMismatch] and [ErrFailed].
func (s *Server) Model(ctx context.Context, w Want) (*Model, error) {
	call, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	about, err := s.client.ModelMetadata(call, &kserve.ModelMetadataRequest{Name: w.Model, Version: w.Version})
	if status.Code(err) == codes.NotFound {
		return nil, classify(ctx, err, ErrModelNotFound)
	} else if err != nil {
		return nil, classify(ctx, err, ErrFailed)
	}
	input, err := inputOf(w, about.GetInputs())
	if err != nil {
		return nil, err
	}
	w.Input = input.GetName()
	if w.AnswerBytes <= 0 || w.AnswerBytes > MaxAnswerBytes {
		w.AnswerBytes = MaxAnswerBytes
	}
	for _, name := range w.Outputs {
		if !slices.ContainsFunc(about.GetOutputs(), func(o *tensorMetadata) bool { return o.GetName() == name }) {
			return nil, fmt.Errorf("%w: model %q has no output %q; it has %s", ErrInvalid, w.Model, name, namesOf(about.GetOutputs()))
		}
	}
	if err := fits(w, input); err != nil {
		return nil, err
	}
	ready, err := s.client.ModelReady(call, &kserve.ModelReadyRequest{Name: w.Model, Version: w.Version})
	switch {
	case err != nil:
		return nil, classify(ctx, err, ErrFailed)
	case !ready.GetReady():
		return nil, fmt.Errorf("%w: model %q is not ready", ErrUnavailable, w.Model)
	}
	return &Model{s, w}, nil
}

type tensorMetadata = kserve.ModelMetadataResponse_TensorMetadata

// inputOf finds the input that is wanted.
func inputOf(w Want, inputs []*tensorMetadata) (*tensorMetadata, error) {
	if w.Input == "" && len(inputs) == 1 {
		return inputs[0], nil
	}
	for _, in := range inputs {
		if w.Input != "" && in.GetName() == w.Input {
			return in, nil
		}
	}
	if w.Input == "" {
		return nil, fmt.Errorf("%w: model %q has %d inputs, name one: %s", ErrInvalid, w.Model, len(inputs), namesOf(inputs))
	}
	return nil, fmt.Errorf("%w: model %q has no input %q; it has %s", ErrInvalid, w.Model, w.Input, namesOf(inputs))
}

func namesOf(tensors []*tensorMetadata) string {
	names := make([]string, 0, len(tensors))
	for _, t := range tensors {
		names = append(names, t.GetName())
	}
	return brief(strings.Join(names, ", "))
}

// fits compares the tensors that are wanted with an input: sizes of -1 take anything. A
// batch may have fewer entries than a full one, so a fixed first size must be 1.
func fits(w Want, input *tensorMetadata) error {
	shape := input.GetShape()
	why := ""
	switch {
	case input.GetDatatype() != w.Datatype:
		why = "ask for another dtype"
	case len(shape) != len(w.Shape):
		why = fmt.Sprintf("it has %d dimensions, with the entries first", len(w.Shape))
	case shape[0] != -1 && shape[0] != w.Shape[0]:
		why = "ask for another max_batch_size"
	case shape[0] > 1:
		why = "a batch may have fewer entries: export the model with a first dimension of -1, or of 1"
	default:
		for i, n := range shape {
			if n != -1 && n != w.Shape[i] {
				why = "ask for another size or layout"
			}
		}
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("%w: input %q of model %q is %s of shape %s, a full batch is %s of shape %v; %s",
		ErrMismatch, input.GetName(), w.Model, brief(input.GetDatatype()), brief(fmt.Sprint(shape)), w.Datatype, w.Shape, why)
}
