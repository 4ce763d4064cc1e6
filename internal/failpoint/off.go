//go:build !failpoint

package failpoint

import (
	"os"
	"time"
)

// Enabled says whether this build has points.
const Enabled = false

// Hit says whether the fault is to happen here, now, to this camera; "" = none is known.
func (Point) Hit(string) bool { return false }

// Wait returns when the point is not armed for target, or done is closed.
func (Point) Wait(_ <-chan struct{}, _ string) {}

// Decoding stands before every access unit that is decoded.
func Decoding(string, []byte) error { return nil }

// Carry returns what a decoder in another process is to get for an access unit.
func Carry(_ string, data []byte) []byte { return data }

// Now is the time of day, with the reading of the monotonic clock. Where times reach
// people, files or other programs, or are compared with theirs, they come from here.
func Now() time.Time { return time.Now() }

// FromEnvironment arms what the environment asks for.
func FromEnvironment() error { return nil }

// Notice is what people must be told about failpoints; "" = nothing.
func Notice() string {
	if os.Getenv(Variable) == "" {
		return ""
	}
	return Variable + " is set, but this build has no failpoints and nothing is armed: build with -tags failpoint, or unset it"
}
