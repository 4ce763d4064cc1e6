package converttest

import (
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
)

// Subject is the converter under test.
type Subject struct {
	// New makes a converter that books its results into the account.
	New func(*frame.Account) (convert.Converter, error)
	// Upload makes the converter's kind of source from a host frame; the caller
	// owns the result. Nil: host frames are converted as they are.
	Upload func(testing.TB, *frame.Frame) *frame.Frame
	// Download makes a host frame of a result; the caller owns it. Nil: results
	// are in host memory.
	Download func(testing.TB, *frame.Frame) *frame.Frame
	// Copies: results are always frames of their own, because they lie elsewhere than
	// the sources.
	Copies bool
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	s = s.complete()
	tests := []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"Exact", testExact},
		{"ExactLarge", testExactLarge},
		{"EveryCode", testEveryCode},
		{"CropOfWhole", testCropOfWhole},
		{"ScaledFlat", testScaledFlat},
		{"ScaledSmooth", testScaledSmooth},
		{"Letterbox", testLetterbox},
		{"LetterboxBorder", testLetterboxBorder},
		{"Identity", testIdentity},
		{"Info", testInfo},
		{"Errors", testErrors},
		{"Cancelled", testCancelled},
		{"Close", testClose},
		{"Concurrent", testConcurrent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

// complete fills in what is not set.
func (s Subject) complete() Subject {
	same := func(_ testing.TB, f *frame.Frame) *frame.Frame { return f.Retain() }
	if s.Upload == nil {
		s.Upload = same
	}
	if s.Download == nil {
		s.Download = same
	}
	return s
}
