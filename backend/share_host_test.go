package backend_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/internal/testvideo"
)

// folder returns one for regions, which must all be gone at the end of the test.
func folder(t *testing.T) *shm.Folder {
	t.Helper()
	f, err := shm.Open(filepath.Join(t.TempDir(), "s"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// places decodes a clip and returns where the last frame lies.
func places(t *testing.T, d decoder.Decoder, c *testvideo.Clip) (last frame.Place, ok bool) {
	t.Helper()
	see := func(f *frame.Frame) error {
		last, ok = frame.PlaceOf(f)
		return nil
	}
	for i := range c.Units {
		if err := d.Decode(t.Context(), unit(c, i), see); err != nil {
			t.Fatalf("%s: unit %d: %v", c.Name, i, err)
		}
	}
	if err := d.Drain(t.Context(), see); err != nil {
		t.Fatal(err)
	}
	return last, ok
}

// Decoders on the CPU share in the folder that the backend was given.
func TestShareOnCPU(t *testing.T) {
	f := folder(t)
	r := open(t, backend.Config{Kind: config.BackendCPU, Regions: f})
	clip, q := r.clip("a", "h264_crop")
	d, _ := r.decoder(q)
	d.(decoder.Sharer).Share(2)
	if p, ok := places(t, d, clip); !ok || filepath.Dir(p.Region.Path) != f.Path() {
		t.Errorf("%+v", p)
	}
	if n, elsewhere := r.SharedPictures(); n == 0 || n+elsewhere != uint64(len(clip.Units)) {
		t.Errorf("%d pictures were shared, %d not", n, elsewhere)
	}
	none := open(t, backend.Config{Kind: config.BackendCPU})
	d, _ = none.decoder(q)
	d.(decoder.Sharer).Share(2)
	if _, ok := places(t, d, clip); ok || !errors.Is(d.(decoder.Sharer).ShareErr(), decoder.ErrUnsupported) {
		t.Errorf("shared: %v, %v", ok, d.(decoder.Sharer).ShareErr())
	}
}

// A decoder on the CPU that follows one on the GPU is told what that was, also that it
// is over.
func TestShareAfterTakeover(t *testing.T) {
	f := folder(t)
	_, r := openCUDA(t, backend.Config{Regions: f})
	clip, q := r.clip("b", "h264_high10")
	d, _ := r.decoder(late(q))
	d.(decoder.Sharer).Share(2)
	if p, ok := places(t, d, clip); !ok || filepath.Dir(p.Region.Path) != f.Path() {
		t.Errorf("%+v: %v", p.Region, d.(decoder.Sharer).ShareErr())
	}
	d.(decoder.Sharer).Share(0)
	if _, ok := places(t, d, clip); ok || f.Bytes() != 0 {
		t.Errorf("shared: %v, %d bytes of regions", ok, f.Bytes())
	}
}
