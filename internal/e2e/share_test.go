//go:build cgo

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// framesReader is a reader of one camera's frames, and what it told last.
type framesReader struct {
	*reader
	clipCamera, clipFrames int
	epoch, sequence        uint64
	picture                int
}

func (w *worker) framesReader(site *Site, id string) *framesReader {
	w.t.Helper()
	clip := site.Clip(id)
	return &framesReader{reader: w.readerAs(framesReaderOf, nil, id), clipCamera: clip.Camera, clipFrames: clip.Frames}
}

// frames checks the next n frames: each is of the camera, and as many pictures after the
// one before as their leases say.
func (r *framesReader) frames(n int) {
	r.t.Helper()
	for range n {
		r.frame(r.line())
	}
}

func (r *framesReader) frame(line string) {
	r.t.Helper()
	var epoch, sequence, lost uint64
	var camera, picture int
	if _, err := fmt.Sscan(line, &epoch, &sequence, &lost, &camera, &picture); err != nil {
		r.t.Fatalf("%q: %v", line, err)
	}
	if camera != r.clipCamera || picture >= r.clipFrames {
		r.t.Errorf("%s, want camera %d", line, r.clipCamera)
	}
	if epoch == r.epoch {
		if sequence <= r.sequence {
			r.t.Errorf("%s after frame %d", line, r.sequence)
		}
		if want := (r.picture + int(sequence-r.sequence)) % r.clipFrames; lost == 0 && picture != want {
			r.t.Errorf("%s after picture %d of frame %d, want picture %d", line, r.picture, r.sequence, want)
		}
	}
	r.epoch, r.sequence, r.picture = epoch, sequence, picture
}

// Other processes read a camera's frames where its decoder has put them. One that is
// killed while it holds as many as it may gives them back at once, and the other one
// notices nothing of it.
func TestSharedFrames(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	var file string
	t.Cleanup(func() { // after the worker's end
		if !gone(filepath.Dir(file)) {
			t.Errorf("%s is left behind", filepath.Dir(file))
		}
	})
	w := start(t, nil)
	const id = "h264_change_a"
	w.add(id, over(site.Camera(id, id, camsim.Camera{}).URL()))
	w.running(id)
	other, killed := w.framesReader(site, id), w.framesReader(site, id)
	file = other.file
	other.frames(20)
	killed.frames(20)
	if err := killed.hold.Close(); err != nil {
		t.Fatal(err)
	}
	for line := killed.line(); line != "held"; line = killed.line() {
		killed.frame(line)
	}
	other.frames(20)
	killed.kill()
	other.frames(20)
	// All clients of a camera can hold 64 frames: once those of the killed one are back,
	// there is room for all but the other one's, and for none more.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open := func(leases int32) error {
		stream, err := w.frames.ShareFrames(ctx)
		if err == nil {
			err = stream.Send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Open{Open: &frameportv1.ShareOpen{CameraId: id, MaxLeases: leases}}})
		}
		if err == nil {
			_, err = stream.Recv()
		}
		if reason, _ := apierr.ReasonOf(err); err != nil && (reason != apierr.TooManyLeases || status.Code(err) != codes.ResourceExhausted) {
			t.Fatal(err)
		}
		return err
	}
	for n := range 3 {
		if err := open(16); err != nil {
			t.Fatalf("stream %d: %v", n, err)
		}
	}
	until(t, "the killed reader's leases to be given back", func() bool { return open(64-3*16-framesLeases) == nil })
	if open(1) == nil {
		t.Error("the camera's frames are leased beyond its bound")
	}
	other.frames(20)
	cancel()
	other.kill()
	w.stop()
}
