package server

import "context"

// Permission is what a caller wants to do with a camera.
type Permission uint8

// The permissions. View returns pixels or the state of a camera, Control changes
// the set of cameras or a camera's spec.
const (
	View Permission = iota
	Control
)

// Authorizer decides, in every handler that returns pixels or state or changes a
// camera, whether the caller of ctx may. Note: [Authorisation in the handler].
//
// It is called from many goroutines and must not block on a camera. A nil error
// permits. Any other error is answered as if the camera did not exist, so that
// nobody can find out names; the error itself is logged.
type Authorizer interface {
	Authorize(ctx context.Context, permission Permission, cameraID string) error
}

// Note: [Authorisation in the handler]
//
// An interceptor knows the method but not the cameras: they are in the message, or
// chosen by a label selector, or join a stream hours after it began. The checks
// that were forgotten elsewhere were of this kind: one more path to the same
// pixels. Hence every path asks for every camera, at the place where it takes the
// camera's feed or snapshot.

// AllowAll permits everything. It is right where the listener itself is the
// border: loopback, or --insecure.
type AllowAll struct{}

// Authorize implements [Authorizer].
func (AllowAll) Authorize(context.Context, Permission, string) error { return nil }
