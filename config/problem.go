package config

import (
	"fmt"
	"slices"
	"strings"
)

// Reasons of problems. They are stable and the same strings that the API puts into
// google.rpc.ErrorInfo.
const (
	ReasonCameraID                = "INVALID_CAMERA_ID"
	ReasonURL                     = "INVALID_URL"
	ReasonCredentials             = "INVALID_CREDENTIALS"
	ReasonTransport               = "INVALID_TRANSPORT"
	ReasonTLS                     = "INVALID_TLS"
	ReasonLabels                  = "INVALID_LABELS"
	ReasonDecodePolicy            = "INVALID_DECODE_POLICY"
	ReasonDecodeModeUnimplemented = "DECODE_MODE_UNIMPLEMENTED"
	ReasonFrameSpec               = "INVALID_FRAME_SPEC"
	ReasonBackend                 = "INVALID_BACKEND"
	ReasonDevice                  = "INVALID_DEVICE"
	ReasonLabelSelector           = "INVALID_LABEL_SELECTOR"
	ReasonWorker                  = "INVALID_WORKER_CONFIG"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Field  string // path as in the API: "spec.frame.max_width"
	Reason string // one of the Reason constants
	Text   string // what is wrong and what to do; holds no secret
}

// String returns "field: text".
func (p Problem) String() string { return p.Field + ": " + p.Text }

// Problems is the error of everything that can be refused for its contents. It
// holds at least one problem, in the order of the fields.
type Problems struct {
	List []Problem
}

// Error lists all problems in one line.
func (p *Problems) Error() string {
	texts := make([]string, len(p.List))
	for i, q := range p.List {
		texts[i] = q.String()
	}
	return strings.Join(texts, "; ")
}

// Add notes a problem; format and args make its text.
func (p *Problems) Add(field, reason, format string, args ...any) {
	p.List = append(p.List, Problem{field, reason, fmt.Sprintf(format, args...)})
}

// About reports whether there is a problem with field.
func (p *Problems) About(field string) bool {
	return slices.ContainsFunc(p.List, func(q Problem) bool { return q.Field == field })
}

// ErrorOrNil returns p as an error when it holds a problem, and nil otherwise.
func (p *Problems) ErrorOrNil() error {
	if len(p.List) == 0 {
		return nil
	}
	return p
}

// Under returns the problems with the first element of every field path replaced
// by prefix: "spec.url" under "cameras.door" is "cameras.door.url".
func (p *Problems) Under(prefix string) []Problem {
	out := make([]Problem, len(p.List))
	for i, q := range p.List {
		if _, rest, ok := strings.Cut(q.Field, "."); ok {
			q.Field = prefix + "." + rest
		} else {
			q.Field = prefix
		}
		out[i] = q
	}
	return out
}
