package fault

import (
	"errors"
	"time"
)

// Class is the kind of a camera's fault, as the API reports it.
type Class uint8

// The classes. None is the zero value and means that nothing is wrong.
const (
	None        Class = iota
	Auth              // the camera refuses the credentials
	NotFound          // no such path on the camera
	Unreachable       // refused, timed out, name does not resolve, connection lost
	Protocol          // the camera speaks RTSP, SDP or RTP wrongly
	Unsupported       // no video track, or a codec that can't be decoded here
	Busy              // the camera has no session left
	Stalled           // connected, but no data, access units or frames
	Decode            // the decoder fails
	Limit             // beyond a configured limit
	Policy            // forbidden by configuration (redirect, address)
)

// String returns the class's name in lower case, as in logs and metrics.
func (c Class) String() string {
	names := [...]string{
		"none", "auth", "not_found", "unreachable", "protocol", "unsupported",
		"busy", "stalled", "decode", "limit", "policy",
	}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// Error is a classified failure. Its text must hold no secret.
type Error struct {
	Class Class
	// Op is the step that failed, for example "describe".
	Op  string
	Err error
	// RetryAfter is how long the camera itself asked to be left alone; 0 = it did not.
	RetryAfter time.Duration
	// Immediate asks for an attempt at once that does not count as a failure (a
	// stale nonce, a switch of transport).
	Immediate bool
}

// New returns an error of class c.
func New(c Class, op string, err error) *Error { return &Error{Class: c, Op: op, Err: err} }

func (e *Error) Error() string {
	if e.Op == "" {
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of err, and None when it carries none.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return None
}
