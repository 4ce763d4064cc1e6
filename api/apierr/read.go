package apierr

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Violation is one request field that is wrong.
type Violation struct {
	Field       string // path of the field in the request; "*" = several
	Description string // what is wrong with it
}

// ReasonOf returns the reason of err, and false when err is nil, no gRPC status, or
// not from Frameport (a proxy's error, a broken connection).
func ReasonOf(err error) (Reason, bool) {
	if info := infoOf(err); info != nil {
		return Reason(info.GetReason()), true
	}
	return "", false
}

// Metadata returns the metadata of err, nil when it has none.
func Metadata(err error) map[string]string { return infoOf(err).GetMetadata() }

// Violations returns the request fields that err complains about, nil when it names
// none.
func Violations(err error) []Violation {
	var out []Violation
	for _, v := range find[*errdetails.BadRequest](err, nil).GetFieldViolations() {
		out = append(out, Violation{Field: v.GetField(), Description: v.GetDescription()})
	}
	return out
}

// RetryDelay returns how long to wait before trying again, and false when err does
// not say.
func RetryDelay(err error) (time.Duration, bool) {
	if r := find[*errdetails.RetryInfo](err, nil); r.GetRetryDelay() != nil {
		return r.GetRetryDelay().AsDuration(), true
	}
	return 0, false
}

func infoOf(err error) *errdetails.ErrorInfo {
	return find(err, func(i *errdetails.ErrorInfo) bool { return i.GetDomain() == Domain })
}

// find returns the first detail of type T that ok accepts, the zero T without one.
func find[T any](err error, ok func(T) bool) T {
	var zero T
	st, isStatus := status.FromError(err)
	if !isStatus || st == nil {
		return zero
	}
	for _, d := range st.Details() {
		if t, is := d.(T); is && (ok == nil || ok(t)) {
			return t
		}
	}
	return zero
}
