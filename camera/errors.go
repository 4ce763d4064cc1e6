package camera

import "errors"

// Errors that callers branch on. A specification that is wrong is refused with
// *config.Problems instead.
var (
	// ErrNotFound: no camera has this id.
	ErrNotFound = errors.New("no such camera")
	// ErrExists: the id is taken by a camera with a different specification.
	ErrExists = errors.New("camera exists with a different specification")
	// ErrTooMany: the worker has as many cameras as it may.
	ErrTooMany = errors.New("too many cameras")
	// ErrBackend: this worker lacks the backend or the device that the specification
	// asks for.
	ErrBackend = errors.New("backend not available")
	// ErrNoRoom: the specification could be served, but not beside the cameras that
	// are there.
	ErrNoRoom = errors.New("no room for another camera")
	// ErrOverloaded: memory or processors don't suffice for the cameras that are there.
	ErrOverloaded = errors.New("the worker is overloaded")
	// ErrStopping: the worker is shutting down.
	ErrStopping = errors.New("frameport is stopping")
	// ErrRemoved: the camera was removed. Rings of removed cameras close with it.
	ErrRemoved = errors.New("camera was removed")
	// ErrNotSaved: the change could not be written to the state and is not in force.
	ErrNotSaved = errors.New("change could not be saved")
)
