package decoder

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

// Decoder turns access units of one stream into frames.
type Decoder interface {
	// Decode takes the next access unit in decoding order. emit runs zero or more
	// times on the caller's goroutine, in display order; the frame is borrowed,
	// Retain keeps it. Emitted frames carry the times of their access unit,
	// Decoded, format, size, colour, KeyFrame and Corrupt; epoch, sequence and
	// counters are the caller's to fill before it publishes.
	//
	// An error that wraps [ErrCorrupt] concerns this access unit only. One that
	// wraps [ErrUnsupported] or [ErrTooLarge] means that the stream can't be
	// decoded here. Any other error leaves the decoder unusable: Close it. An
	// error of emit ends the call and is returned as it is.
	Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error
	// Drain emits what reordering still holds back and leaves the decoder empty,
	// ready for a random-access unit. Camera code calls it at the end of an epoch.
	Drain(ctx context.Context, emit func(*frame.Frame) error) error
	// Close frees the decoder. It is idempotent.
	Close() error
}

// Skipper is the optional ability to leave non-reference pictures undecoded. It
// may be called between any two Decode calls.
type Skipper interface {
	SkipNonReference(on bool)
}

// Resizer is the optional ability to change the output while decoding. It may be
// called between any two Decode calls. It takes effect with the next picture, or
// with the next random-access unit where the hardware can't change before that.
type Resizer interface {
	SetOutput(Output)
}

// Meter is the optional ability to say what decoding has cost. It may be called between
// any two Decode calls.
type Meter interface {
	// Spent is how long the decoder has kept a processor busy since it was made. Time that
	// it waited is not in it, for a processor that others had or for anything else.
	Spent() time.Duration
}

// Sharer is the optional ability to make frames in memory that other processes can
// map ([frame.Shared]). Both methods may be called between any two Decode calls.
type Sharer interface {
	// Share makes room for so many frames that other processes hold at a time, beside
	// those that the caller keeps; 0 ends it. The frames of pictures that are decoded
	// from now on lie in a region as far as it has a free slot, others where they lie
	// without sharing: the camera goes on and loses nothing. A region that is not needed
	// any more goes with its last frame.
	Share(frames int)
	// ShareErr is why there is no region, or none with as much room as there should be; it
	// wraps [ErrExhausted] when that is for want of room. The decoder tries again by itself.
	ShareErr() error
}

// Output says what frames a decoder makes.
type Output struct {
	// MaxWidth and MaxHeight bound the frame size in pixels, keeping the aspect
	// ratio; 0 = unbounded. Pictures are never enlarged.
	MaxWidth, MaxHeight int
	// Color overrides what the stream says about its colour, part by part.
	Color media.Color
}

// Limits bound what a stream may ask of a decoder.
type Limits struct {
	MaxWidth, MaxHeight int // pixels, of the coded picture
	MaxPixels           int // width x height of the coded picture
}

// DefaultLimits are 8192 x 8192 and 36 million pixels.
func DefaultLimits() Limits { return Limits{MaxWidth: 8192, MaxHeight: 8192, MaxPixels: 36_000_000} }

// Config is what a decoder is made from.
type Config struct {
	Format media.Format
	Output Output
	Limits Limits
	// Camera is whom device memory is booked for and who waits in turn for a device.
	Camera string
	// Frames is how many frames the caller keeps at a time, for decoders that make
	// frames in a fixed number of surfaces. 0 = the decoder's default.
	Frames int
	// Select is asked for every decoded picture before any pixel work, on the
	// goroutine that called Decode; false drops the picture. Nil selects all.
	Select func(pts time.Duration) bool
	// Account is where frames and picture bytes are booked; may be nil.
	Account *frame.Account
	// Regions is where decoders in host memory make regions; nil = they can't share.
	Regions *shm.Folder
	// Shared is where decoders in host memory count pictures while they share; may be nil.
	Shared *SharedPictures
}

// SharedPictures counts the pictures that were made while they were to be shared.
type SharedPictures struct {
	// InPlace were decoded into a region, or written there by a conversion that they
	// needed anyway: nothing was copied.
	InPlace atomic.Uint64
	// Elsewhere lie where no other process can map them: no slot was free, or there was
	// no region for them.
	Elsewhere atomic.Uint64
}

// Errors that callers branch on.
var (
	// ErrCorrupt: this access unit can't be decoded; the next random-access unit may.
	ErrCorrupt = errors.New("corrupt access unit")
	// ErrUnsupported: this decoder can't decode such a stream.
	ErrUnsupported = errors.New("unsupported stream")
	// ErrTooLarge: the coded picture is beyond the limits.
	ErrTooLarge = errors.New("picture too large")
	// ErrExhausted: there is no room for this decoder now, for example no device
	// memory; later there may be. The decoder is unusable.
	ErrExhausted = errors.New("no room for another decoder now")
	// ErrInterrupted: the decoder has lost the stream for a reason that is not in this
	// access unit, for example because the process that it decodes in has ended. It goes on
	// with the next random-access unit.
	ErrInterrupted = errors.New("decoding was interrupted")
	// ErrClosed: the decoder has been closed.
	ErrClosed = errors.New("decoder closed")
)
