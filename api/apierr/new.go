package apierr

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Note: [Errors fit into trailers]
//
// A status travels in HTTP/2 trailers, the message twice (once percent-encoded, once
// in the base64 of the details). gRPC's C core, and so Python, drops trailers from
// 8 KiB on and then the caller sees neither code nor reason. Texts may quote what a
// client sent, so they are cut here: 512 bytes of message, 8 violations and 8
// metadata entries of 200 bytes stay below it.
const (
	maxMessage    = 512
	maxValue      = 200
	maxViolations = 8
	maxMetadata   = 8
)

// Option adds details to an error.
type Option func(*details)

type details struct {
	info       *errdetails.ErrorInfo
	violations []*errdetails.BadRequest_FieldViolation
	retry      *errdetails.RetryInfo
}

// Meta adds an entry to ErrorInfo's metadata, for programs; it must hold no secret.
// Beyond 8 entries it does nothing.
func Meta(key, value string) Option {
	return func(d *details) {
		if d.info.Metadata == nil {
			d.info.Metadata = make(map[string]string)
		}
		if _, ok := d.info.Metadata[key]; ok || len(d.info.Metadata) < maxMetadata {
			d.info.Metadata[key] = clip(value, maxValue)
		}
	}
}

// Field adds a violation to BadRequest: the path of a request field
// ("spec.frame.max_width") and what is wrong with it.
func Field(path, description string) Option {
	return func(d *details) {
		d.violations = append(d.violations, &errdetails.BadRequest_FieldViolation{
			Field:       clip(path, maxValue/2),
			Description: clip(description, maxValue),
		})
	}
}

// RetryAfter adds RetryInfo: trying again is of use after delay, not before.
func RetryAfter(delay time.Duration) Option {
	return func(d *details) { d.retry = &errdetails.RetryInfo{RetryDelay: durationpb.New(max(delay, 0))} }
}

// New returns a gRPC status error with reason in its ErrorInfo. The message is for
// people: what is wrong and what to do. Long texts are cut. It panics when code is
// OK, which is no error.
func New(code codes.Code, reason Reason, message string, opts ...Option) error {
	if code == codes.OK {
		panic(fmt.Sprintf("apierr: %s with code OK", reason))
	}
	d := details{info: &errdetails.ErrorInfo{Reason: string(reason), Domain: Domain}}
	for _, o := range opts {
		o(&d)
	}
	all := []protoadapt.MessageV1{protoadapt.MessageV1Of(d.info)}
	if n := len(d.violations); n > 0 {
		if n > maxViolations {
			more := fmt.Sprintf("and %d more violations", n-maxViolations+1)
			d.violations = append(d.violations[:maxViolations-1], &errdetails.BadRequest_FieldViolation{Field: "*", Description: more})
		}
		all = append(all, protoadapt.MessageV1Of(&errdetails.BadRequest{FieldViolations: d.violations}))
	}
	if d.retry != nil {
		all = append(all, protoadapt.MessageV1Of(d.retry))
	}
	st := status.New(code, clip(message, maxMessage))
	if detailed, err := st.WithDetails(all...); err == nil {
		st = detailed
	}
	return st.Err()
}

// Invalid returns an INVALID_ARGUMENT error about one request field.
func Invalid(reason Reason, field, message string, opts ...Option) error {
	return New(codes.InvalidArgument, reason, message, append([]Option{Field(field, message)}, opts...)...)
}

// clip returns s as valid UTF-8 of at most limit bytes.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	const ellipsis = "…"
	s = s[:limit-len(ellipsis)]
	for len(s) > 0 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + ellipsis
}
