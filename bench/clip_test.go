package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// A clip has the pictures, the GOP and the rate of its recipe, and each decoded
// picture has its number.
func TestClip(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg: make deps-test")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	r := recipe{width: 320, height: 180, fps: 10, seconds: 2, gop: 5, kilobits: 200, noise: 4, profile: "main"}
	path, err := r.make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := loadClip(path, r.width, r.height, float64(r.fps))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Units) != 20 {
		t.Fatalf("%d access units, want 20", len(c.Units))
	}
	format := media.Format{Codec: c.Codec, NoReorder: true}
	d, err := avcodec.New(decoder.Config{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	size := 0
	for i, u := range c.Units {
		size += len(u.Data)
		if want := i%r.gop == 0; u.Key != want {
			t.Errorf("unit %d: key is %v, want %v", i, u.Key, want)
		}
		au := media.AccessUnit{Format: &format, Data: u.Data, RandomAccess: u.Key}
		frames := 0
		err := d.Decode(t.Context(), &au, func(f *frame.Frame) error {
			frames++
			_, n, err := testvideo.ReadBarcodeLuma(f.Planes[0].Data, f.Width, f.Height, f.Planes[0].Pitch)
			if err != nil || n != i {
				t.Errorf("unit %d shows picture %d (%v)", i, n, err)
			}
			return nil
		})
		if err != nil || frames != 1 {
			t.Fatalf("unit %d: %d frames (%v), want 1", i, frames, err)
		}
	}
	if bits := size * 8 / r.seconds / 1000; bits < r.kilobits*8/10 || bits > r.kilobits*13/10 {
		t.Errorf("%d kbit/s, want about %d", bits, r.kilobits)
	}
}

// A second run finds the clip; a file that is none is refused.
func TestClipIsKept(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	path, err := camera720().path()
	if err != nil {
		t.Fatal(err)
	}
	if other, err := camera10().path(); err != nil || other == path {
		t.Errorf("two recipes share %s (%v)", path, err)
	}
	if err := os.MkdirAll(path[:bytes.LastIndexByte([]byte(path), '/')], 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("not a clip"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := camera720().make(t.Context())
	if err != nil || got != path {
		t.Errorf("got %s (%v), want %s as it is", got, err, path)
	}
	if _, err := loadClip(path, 1280, 720, 25); err == nil {
		t.Error("a file without an access unit is taken for a clip")
	}
}
