package frame

import (
	"time"

	"github.com/frameport/frameport/media"
)

// Drops counts pictures that never became frames, by reason. The counts on a
// frame are the camera's totals at the time it was published, so a reader that
// keeps the last frame's counts knows by subtraction what it missed and why.
type Drops struct {
	Policy  uint64 // left out by the decode policy or max_fps
	Network uint64 // lost or damaged on the way here
	Decode  uint64 // given up by the decoder, or dropped because it was too slow
}

// Sub returns d - o, field by field.
func (d Drops) Sub(o Drops) Drops {
	return Drops{d.Policy - o.Policy, d.Network - o.Network, d.Decode - o.Decode}
}

// Info is everything known about a frame but its pixels. It does not change
// after the frame has been published.
type Info struct {
	ID
	media.Times
	// Decoded is when the decoder handed the picture out.
	Decoded time.Time
	// Published counts the camera's published frames, this one included. It
	// never restarts while the camera exists.
	Published uint64
	// Dropped are the camera's totals when this frame was published.
	Dropped Drops

	Format        media.PixelFormat
	Width, Height int // pixels
	// Color is resolved: neither part is unspecified for YCbCr formats.
	Color media.Color
	// KeyFrame is true for a picture that was decoded from a random-access unit.
	KeyFrame bool
	// Corrupt is true when the decoder concealed errors or lacked references.
	Corrupt bool
}
