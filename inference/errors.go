package inference

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	// ErrUnavailable: the server can't be reached, is not ready, or has not answered in
	// time. The text may name its address.
	ErrUnavailable = errors.New("inference server unavailable")
	// ErrModelNotFound: the server has no such model.
	ErrModelNotFound = errors.New("model not found")
	// ErrInvalid: the model has no input or output of that name.
	ErrInvalid = errors.New("no such input or output")
	// ErrMismatch: the model's input takes no such tensor.
	ErrMismatch = errors.New("model takes no such tensor")
	// ErrRefused: the server does not map the memory.
	ErrRefused = errors.New("memory not mapped by the inference server")
	// ErrFailed: the server refused a request, or its answer makes no sense.
	ErrFailed = errors.New("inference failed")
	// ErrTooLarge: the answer has more than [Want].AnswerBytes.
	ErrTooLarge = errors.New("answer of the inference server too large")
)

// classify tells what an error of a call under ctx, the caller's context, is; refused is
// what it is when the server itself said no.
func classify(ctx context.Context, err, refused error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	st := status.Convert(err)
	switch {
	case st.Code() == codes.Unavailable, st.Code() == codes.DeadlineExceeded:
		return fmt.Errorf("%w: %s", ErrUnavailable, brief(st.Message()))
	case st.Code() == codes.ResourceExhausted && strings.HasPrefix(st.Message(), "grpc: received message larger than max"):
		return fmt.Errorf("%w: %s", ErrTooLarge, st.Message())
	default:
		return fmt.Errorf("%w: %s (%v)", refused, brief(st.Message()), st.Code())
	}
}

// maxText is how much of what a server says goes into an error: clients take headers of
// some kilobytes, and an error is one.
const maxText = 1000

// brief is the beginning of a text.
func brief(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
