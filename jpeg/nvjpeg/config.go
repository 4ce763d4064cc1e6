package nvjpeg

import (
	"errors"
	"fmt"

	"github.com/frameport/frameport/gpu"
)

const (
	// DefaultStates is how many pictures are encoded at a time when not set.
	DefaultStates = 2
	// MaxStates bounds it: the states share the GPU's multiprocessors, and each
	// costs tens of megabytes.
	MaxStates = 4
)

// Size of the pictures that states are made ready for when not set.
const (
	DefaultWidth  = 1920
	DefaultHeight = 1080
)

// Config is what an Encoder is made from. Device is required.
type Config struct {
	Device *gpu.Device
	// Library says where nvJPEG is looked for first.
	Library gpu.LibraryConfig
	// States is how many pictures are encoded at a time, 1 to MaxStates. 0 =
	// DefaultStates.
	States int
	// Width and Height are the largest pictures that are expected, in pixels. Every
	// state encodes one at construction, so that its memory is taken, and on the
	// books, before the first camera comes. Larger ones are encoded as well, with
	// their memory booked when it is taken. 0 = the default size.
	Width, Height int
}

// EnsureDefaults fills in what is not set.
func (c *Config) EnsureDefaults() {
	if c.States == 0 {
		c.States = DefaultStates
	}
	if c.Width == 0 {
		c.Width = DefaultWidth
	}
	if c.Height == 0 {
		c.Height = DefaultHeight
	}
}

// Validate reports everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.Device == nil {
		errs = append(errs, errors.New("no device"))
	}
	if c.States < 1 || c.States > MaxStates {
		errs = append(errs, fmt.Errorf("%d encoder states: use 1 to %d", c.States, MaxStates))
	}
	if !fits(c.Width, c.Height) {
		errs = append(errs, fmt.Errorf("largest picture %dx%d: a side must be %d to %d pixels", c.Width, c.Height, MinSide, maxSide))
	}
	return errors.Join(errs...)
}
