//go:build peers

package peers

import (
	"context"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// picture is what is read from a frame.
type picture struct {
	frame.Info
	camera, number int     // in the bar code
	body           [3]byte // Y, Cb and Cr in the middle
}

// reader reads a camera's newest frames. Pictures that come while it is busy are
// skipped, as for any reader.
type reader struct {
	t    *testing.T
	feed *camera.Feed
	last frame.ID
}

// next waits for a frame newer than the last one.
func (r *reader) next() picture {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	f, err := r.feed.Ring().Wait(ctx, r.last)
	if err != nil {
		r.t.Fatalf("%s: no frame after %v in %v: %v, %+v", r.feed.ID(), r.last, patience, err, r.feed.Snapshot())
	}
	defer f.Release()
	r.last = f.ID
	p := picture{Info: f.Info}
	if f.Format != media.PixelI420 {
		r.t.Fatalf("%s: frame %v is %v, not I420", r.feed.ID(), f.ID, f.Format)
	}
	p.camera, p.number, err = testvideo.ReadBarcodeLuma(f.Planes[0].Data, f.Width, f.Height, f.Planes[0].Pitch)
	if err != nil {
		r.t.Fatalf("%s: frame %v: %v", r.feed.ID(), f.ID, err)
	}
	p.body[0] = f.Planes[0].Data[f.Planes[0].Pitch*(f.Height/2)+f.Width/2]
	for i := 1; i < 3; i++ {
		p.body[i] = f.Planes[i].Data[f.Planes[i].Pitch*(f.Height/4)+f.Width/4]
	}
	return p
}

// collect reads n pictures.
func (r *reader) collect(n int) []picture {
	r.t.Helper()
	out := make([]picture, n)
	for i := range out {
		out[i] = r.next()
	}
	return out
}

// stream is what a peer sends.
type stream struct {
	codec         media.Codec
	width, height int
	fps           float64
	// number counts the peer's pictures, as the bar code says it, modulo modulus.
	number  func(picture) int
	modulus int
}

// clipStream is the stream of a clip shown in a loop.
func clipStream(t *testing.T, c *testvideo.Clip) stream {
	return stream{
		codec: c.Codec, width: c.Width, height: c.Height, fps: c.FPS, modulus: c.Frames,
		number: func(p picture) int {
			if p.camera != c.Entry.Camera {
				t.Errorf("frame %v shows camera %d, not %d", p.ID, p.camera, c.Entry.Camera)
			}
			return p.number
		},
	}
}

// check holds pictures of one session against what the peer sends: every one
// whole, none missing that no counter knows of, and PTS on the peer's time line.
func (s stream) check(t *testing.T, pictures []picture) {
	t.Helper()
	period := time.Duration(float64(time.Second) / s.fps)
	var jitter time.Duration
	for i, p := range pictures {
		if p.Width != s.width || p.Height != s.height {
			t.Errorf("frame %v is %dx%d, want %dx%d", p.ID, p.Width, p.Height, s.width, s.height)
		}
		if p.Corrupt {
			t.Errorf("frame %v is corrupt", p.ID)
		}
		if p.Sequence == 1 && !p.KeyFrame {
			t.Errorf("frame %v is the first and no key frame", p.ID)
		}
		if age := p.Received.Sub(p.Capture); p.Source == media.ClockArrival && (age < -time.Second || age > time.Second) {
			t.Errorf("frame %v: capture time %v by arrival, received %v", p.ID, p.Capture, p.Received)
		}
		if i == 0 {
			continue
		}
		last := pictures[i-1]
		if p.Epoch != last.Epoch || p.PTS <= last.PTS {
			t.Errorf("frame %v at %v follows %v at %v", p.ID, p.PTS, last.ID, last.PTS)
		}
		lost := p.Dropped.Sub(last.Dropped)
		passed := int(p.Published-last.Published) + int(lost.Policy+lost.Network+lost.Decode)
		if got := s.number(p) - s.number(last); (passed-got)%s.modulus != 0 {
			t.Errorf("frame %v shows picture %d after %d, but %d pictures came or were counted as lost", p.ID, s.number(p), s.number(last), passed)
		}
		off := p.PTS - last.PTS - time.Duration(passed)*period
		jitter = max(jitter, off, -off)
	}
	// A live source takes a picture when the scheduler lets it.
	const slack = 5
	first, last := pictures[0], pictures[len(pictures)-1]
	lost := last.Dropped.Sub(first.Dropped)
	want := time.Duration(last.Published-first.Published+lost.Policy+lost.Network+lost.Decode) * period
	span := last.PTS - first.PTS
	if diff := span - want; diff < -slack*period || diff > slack*period {
		t.Errorf("PTS rose by %v over pictures that take %v", span, want)
	}
	t.Logf("%d pictures over %v from frame %v, PTS off the peer's rate by %v at most", len(pictures), span, first.ID, jitter)
}

// checkCamera holds a camera's state against the stream.
func (s stream) checkCamera(t *testing.T, snap camera.Snapshot, transport string) {
	t.Helper()
	if snap.State != camera.StateRunning || snap.Codec != s.codec || snap.Transport != transport ||
		snap.Width != s.width || snap.Height != s.height || snap.Counters.FramesCorrupt != 0 || snap.Counters.PacketsLost != 0 {
		t.Errorf("want %v %dx%d over %s running without loss, got %+v", s.codec, s.width, s.height, transport, snap)
	}
	// check has judged the rate. This gauge also counts what came at once after PLAY.
	if snap.DecodedFPS <= 0 || snap.ReceivedFPS <= 0 || snap.Bitrate <= 0 {
		t.Errorf("%.1f units and %.1f frames per second, %.0f bit/s", snap.ReceivedFPS, snap.DecodedFPS, snap.Bitrate)
	}
}

// checkFirst wants every session's first unit to be one that decoding can begin with.
func checkFirst(t *testing.T, firsts []media.AccessUnit, sessions int) {
	t.Helper()
	if len(firsts) != sessions {
		t.Errorf("%d sessions delivered, want %d", len(firsts), sessions)
	}
	for i, u := range firsts {
		if !u.RandomAccess {
			t.Errorf("session %d begins with a unit that cannot be decoded alone: %+v", i+1, u)
		}
	}
}

func running(c camera.Snapshot) bool { return c.State == camera.StateRunning }
