package backend

import (
	"errors"
	"fmt"
	"strings"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/dl"
)

// severalErrors are the errors of several GPUs, on one line.
type severalErrors []error

func (s severalErrors) Error() string {
	texts := make([]string, len(s))
	for i, err := range s {
		texts[i] = oneLine(err)
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns all of them.
func (s severalErrors) Unwrap() []error { return s }

// refusal is why one GPU is not used.
type refusal struct {
	info gpu.DeviceInfo
	err  error
}

func (r *refusal) Error() string { return fmt.Sprintf("%s is not used: %s", r.info, oneLine(r.err)) }

// Unwrap returns the cause.
func (r *refusal) Unwrap() error { return r.err }

// reason is Error, as short as [reasonOf].
func (r *refusal) reason() string {
	why := strings.Replace(reasonOf(r.err), " on "+r.info.String(), "", 1)
	return fmt.Sprintf("%s is not used: %s", r.info, why)
}

// reasonOf is what an operator needs to know of why there is no GPU, in one sentence.
// All of it is in the error of --backend cuda.
func reasonOf(err error) string {
	if all, ok := errors.AsType[severalErrors](err); ok && len(all) > 1 {
		reasons := make([]string, len(all))
		for i, err := range all {
			if r, ok := errors.AsType[*refusal](err); ok {
				reasons[i] = r.reason()
			} else {
				reasons[i] = reasonOf(err)
			}
		}
		return strings.Join(reasons, "; ")
	}
	e, ok := errors.AsType[*gpu.Error](err)
	if !ok || e.Reason == "" {
		return oneLine(err)
	}
	short := *e
	short.Err = brokenFile(e)
	return strings.TrimPrefix(oneLine(&short), "gpu: ")
}

// brokenFile is what the dynamic linker has against the file that it found, or nil when
// it found none: where it looked for that one is of no use to anybody.
func brokenFile(err error) error {
	open, ok := errors.AsType[*dl.OpenError](err)
	if !ok {
		return nil
	}
	for _, a := range open.Attempts {
		// Before the message stands the name of a library that the file needs.
		if strings.Contains(a.Reason, ".so") || !strings.HasSuffix(a.Reason, "No such file or directory") {
			return fmt.Errorf("%s: %s", a.Path, a.Reason)
		}
	}
	return nil
}

// oneLine is an error's text for a log, a table or a status message.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
