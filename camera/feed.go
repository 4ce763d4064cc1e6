package camera

import "github.com/frameport/frameport/frame"

// Feed is one camera's frames, as readers see them. It stays valid after the camera
// was removed: its ring is then closed.
type Feed struct {
	camera *camera
}

// ID returns the camera's id.
func (f *Feed) ID() string { return f.camera.id }

// Ring returns the ring of newest frames. It closes with [ErrRemoved] or
// [ErrStopping] as cause.
func (f *Feed) Ring() *frame.Ring { return f.camera.ring }

// Snapshot returns the camera as it is now.
func (f *Feed) Snapshot() Snapshot { return f.camera.snapshot() }

// Labels returns the camera's labels, which must not be changed.
func (f *Feed) Labels() map[string]string {
	spec, _, _ := f.camera.specification()
	return spec.Labels
}
