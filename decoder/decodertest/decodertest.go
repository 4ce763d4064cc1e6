package decodertest

import (
	"slices"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// Subject is the decoder under test.
type Subject struct {
	// New makes a decoder.
	New func(decoder.Config) (decoder.Decoder, error)
	// I420 returns a frame's pixels as tightly packed I420. Nil: the frames are
	// I420 in host memory.
	I420 func(testing.TB, *frame.Frame) []byte
	// Without names the clips that this decoder refuses with ErrUnsupported, as
	// hardware does with some chroma formats. The refusal is tested.
	Without []string
	// Silent lists the codecs in which this decoder can't tell that slice data
	// is damaged. Missing references it must notice in all but those in Blind.
	Silent []media.Codec
	// Blind lists the codecs in which it can't tell either that a reference is
	// missing: then the loss has to be known from the way the data came.
	Blind []media.Codec
	// ResizesLate: a new output takes effect with the next random-access unit, not
	// with the next picture. See [decoder.Resizer].
	ResizesLate bool
	// Sharing is how to look at what the decoder shares; nil: it does not share.
	Sharing *Sharing
}

// with returns those of the clips that the decoder does not refuse.
func (s Subject) with(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(s.Without, name) })
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	if s.I420 == nil {
		s.I420 = hostI420
	}
	type entry struct {
		name string
		run  func(*testing.T, Subject)
	}
	tests := []entry{
		{"BitExact", testBitExact},
		{"JPEG", testJPEG},
		{"OtherFormats", testOtherFormats},
		{"Unsupported", testUnsupported},
		{"Times", testTimes},
		{"RisingPTS", testRisingPTS},
		{"Latency", testLatency},
		{"Color", testColor},
		{"Damage", testDamage},
		{"MissingReference", testMissingReference},
		{"Truncated", testTruncated},
		{"RandomInput", testRandomInput},
		{"EmptyUnit", testEmptyUnit},
		{"TooLarge", testTooLarge},
		{"Limits", testLimits},
		{"CropLeftTop", testCropLeftTop},
		{"SizeChange", testSizeChange},
		{"SizeChangeInBand", testSizeChangeInBand},
		{"HiddenFrames", testHiddenFrames},
		{"RepeatedFrame", testRepeatedFrame},
		{"Drain", testDrain},
		{"Close", testClose},
		{"FramesOutliveDecoder", testFramesOutliveDecoder},
		{"EmitError", testEmitError},
		{"Cancelled", testCancelled},
		{"Select", testSelect},
		{"SkipNonReference", testSkipNonReference},
		{"MaxSize", testMaxSize},
		{"SetOutput", testSetOutput},
		{"ConcurrentRelease", testConcurrentRelease},
		{"Spent", testSpent},
	}
	if s.Sharing != nil {
		tests = append(tests, []entry{
			{"Shared", testShared},
			{"SharedOutput", testSharedOutput},
			{"SharedCrop", testSharedCrop},
			{"SharedSizeChange", testSharedSizeChange},
			{"SharedHeld", testSharedHeld},
			{"SharedEnd", testSharedEnd},
			{"SharedLost", testSharedLost},
			{"SharedOutlivesDecoder", testSharedOutlivesDecoder},
			{"SharedConcurrently", testSharedConcurrently},
		}...)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}
