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

// Share asks for frames in memory that other processes can map, with room for so many
// that they hold at a time. What several callers ask for adds up. It begins with one of
// the next frames; a camera that can't share says so in [Feed.ShareErr]. end takes it
// back and may be called more than once.
func (f *Feed) Share(frames int) (end func()) { return f.camera.sharing.want(frames) }

// ShareErr is why there is no such memory, or not as much as was asked for; nil while
// there is, nobody asked, or it could not be made yet. It wraps [decoder.ErrUnsupported] when the camera
// can't share, and [decoder.ErrExhausted] when there is no room.
func (f *Feed) ShareErr() error { return f.camera.sharing.err() }

// Labels returns the camera's labels, which must not be changed.
func (f *Feed) Labels() map[string]string {
	spec, _, _ := f.camera.specification()
	return spec.Labels
}
