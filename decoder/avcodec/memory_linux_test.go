package avcodec_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// TestCloseFreesNativeMemory: what libavcodec allocates is in no account and no Go
// heap, so the process is asked. A decoder of 720p pictures holds several megabytes.
func TestCloseFreesNativeMemory(t *testing.T) {
	clip, err := testvideo.Load("h264_720p")
	if err != nil {
		t.Fatal(err)
	}
	cycle := func() {
		format := media.Format{Codec: media.CodecH264, Width: clip.Width, Height: clip.Height}
		d, err := avcodec.New(decoder.Config{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		// The frame goes after its decoder, as one in a ring may.
		var last *frame.Frame
		au := &media.AccessUnit{Format: &format, Data: clip.Units[0].Data, RandomAccess: true}
		if err := d.Decode(t.Context(), au, func(f *frame.Frame) error { last = f.Retain(); return nil }); err != nil || last == nil {
			t.Fatal(last, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		last.Release()
	}
	const cycles, allowed = 40, 32 << 20
	for range 5 {
		cycle()
	}
	before := resident(t)
	for range cycles {
		cycle()
	}
	if grown := resident(t) - before; grown > allowed {
		t.Errorf("%d decoders left %d MB behind", cycles, grown>>20)
	}
}

// resident is the memory of this process in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
