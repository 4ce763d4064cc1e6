package backend_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu/surface"
)

// late is a request that does not tell the stream's format: it shows with the first unit.
func late(q camera.DecoderRequest) camera.DecoderRequest {
	q.Format.Parameters = nil
	return q
}

// undecodable are clips that no Hopper decodes.
func undecodable() []string {
	return []string{"h264_high10", "h264_422", "h264_444_odd", "mjpeg_odd", "mjpeg_422"}
}

// Streams that the GPU can't decode are the CPU's, whether that shows at once or with the
// first unit, and the camera says so.
func TestTakeover(t *testing.T) {
	sim, r := openCUDA(t, backend.Config{})
	for _, name := range undecodable() {
		for _, early := range []bool{true, false} {
			clip, q := r.clip("a", name)
			if !early {
				q = late(q)
				q.Format.Width, q.Format.Height = 0, 0
			}
			d, chosen := r.decoder(q)
			f := first(t, d, clip)
			if _, ok := surface.Of(f); ok || f.Width != clip.Width || f.Height != clip.Height {
				t.Errorf("%s: a frame of %dx%d, surface %v", name, f.Width, f.Height, ok)
			}
			f.Release()
			last := (*chosen)[len(*chosen)-1]
			if last.Name != "CPU" || last.Device != "" || last.Reason == "" || strings.Contains(last.Reason, "\n") {
				t.Errorf("%s: chosen %+v", name, *chosen)
			}
			// The format of JPEG does not tell how its chroma is sampled.
			if late := !early || name == "mjpeg_422"; len(*chosen) != map[bool]int{false: 1, true: 2}[late] || late && (*chosen)[0].Name != "CUDA" {
				t.Errorf("%s, early %v: chosen %+v", name, early, *chosen)
			}
			if n := sim.Live("parser") + sim.Live("decoder"); n != 0 {
				t.Errorf("%s: the GPU's decoder is still there: %d", name, n)
			}
			if m := r.DeviceMemory("a"); m != (camera.DeviceMemory{}) {
				t.Errorf("%s holds %+v", name, m)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestTakeoverOfACodec(t *testing.T) {
	if !inChild(t, "NO_CODEC=hevc") {
		return
	}
	r := open(t, backend.Config{Kind: config.BackendCUDA})
	for name, want := range map[string]string{"h265_bframes": "CPU", "h264_crop": "CUDA", "mjpeg_480p": "CUDA"} {
		clip, q := r.clip("a", name)
		d, chosen := r.decoder(q)
		first(t, d, clip).Release()
		if info := (*chosen)[len(*chosen)-1]; info.Name != want || (info.Reason != "") != (want == "CPU") {
			t.Errorf("%s: %+v, want %s", name, *chosen, want)
		}
	}
}

// Every picture comes, once and in order, also those around the change.
func TestTakeoverLosesNothing(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	clip, q := r.clip("a", "h264_high10")
	d, _ := r.decoder(late(q))
	n, err := count(t.Context(), d, clip, len(clip.Units))
	if err != nil {
		t.Fatal(err)
	}
	err = d.Drain(t.Context(), func(*frame.Frame) error { n++; return nil })
	if n != len(clip.Units) || err != nil {
		t.Errorf("%d frames of %d, %v", n, len(clip.Units), err)
	}
}

// A stream that becomes undecodable for the GPU goes on, and the GPU has its memory back.
func TestTakeoverInMidStream(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	before, q := r.clip("a", "h264_crop")
	after, _ := r.clip("a", "h264_422")
	d, chosen := r.decoder(q)
	if n, err := count(t.Context(), d, before, len(before.Units)); n != len(before.Units) || err != nil {
		t.Fatalf("%d frames, %v", n, err)
	}
	if r.DeviceMemory("a").Decoder == 0 {
		t.Error("the GPU's decoder has no memory: this tests nothing")
	}
	if n, err := count(t.Context(), d, after, len(after.Units)); n != len(after.Units) || err != nil {
		t.Errorf("%d frames, %v", n, err)
	}
	if m := r.DeviceMemory("a"); m != (camera.DeviceMemory{}) {
		t.Errorf("the camera still holds %+v", m)
	}
	if len(*chosen) != 2 || (*chosen)[1].Name != "CPU" {
		t.Errorf("chosen %+v", *chosen)
	}
}

// Asked for by name, CUDA is not replaced.
func TestNoTakeoverByName(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	for _, name := range undecodable() {
		clip, q := r.clip("a", name)
		q.Backend = config.BackendCUDA
		d, err := r.NewDecoder(q)
		if err == nil { // it shows with the first unit
			err = d.Decode(t.Context(), unit(clip, 0), func(*frame.Frame) error { return nil })
			if cerr := d.Close(); cerr != nil {
				t.Error(cerr)
			}
		}
		if !errors.Is(err, decoder.ErrUnsupported) {
			t.Errorf("%s: got %v, want ErrUnsupported", name, err)
		}
	}
}

// What the GPU can't decode and the CPU can't either is refused as such.
func TestNobodyDecodes(t *testing.T) {
	_, r := openCUDA(t, backend.Config{CPUFallback: 1})
	for range 2 { // and takes no room of the CPU
		_, q := r.clip("a", "h264_high10")
		q.Format.Codec = 0
		if _, err := r.NewDecoder(q); !errors.Is(err, decoder.ErrUnsupported) {
			t.Errorf("got %v, want ErrUnsupported", err)
		}
	}
}

func TestTakeoverLimit(t *testing.T) {
	_, r := openCUDA(t, backend.Config{CPUFallback: 1})
	clip, q := r.clip("a", "h264_422")
	d, _ := r.decoder(q)
	refused := func(err error) {
		t.Helper()
		// A stream that is refused as unsupported would never be tried again.
		if !errors.Is(err, decoder.ErrExhausted) || errors.Is(err, decoder.ErrUnsupported) || !strings.Contains(err.Error(), "--cpu-fallback") {
			t.Errorf("got %v, want ErrExhausted", err)
		}
	}
	_, err := r.NewDecoder(q)
	refused(err)
	second, chosen := r.decoder(late(q))
	_, err = count(t.Context(), second, clip, 1)
	refused(err)
	if len(*chosen) != 1 {
		t.Errorf("chosen %+v", *chosen)
	}
	// Cameras that ask for the CPU are not counted.
	q.Backend = config.BackendCPU
	r.decoder(q)
	q.Backend = config.BackendAuto
	// Closing gives the room back, once.
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if n, err := count(t.Context(), second, clip, 2); n == 0 || err != nil {
		t.Errorf("with room: %d frames, %v", n, err)
	}
	_, err = r.NewDecoder(q)
	refused(err)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	r.decoder(q)
}

func TestNoTakeoverAtAll(t *testing.T) {
	_, r := openCUDA(t, backend.Config{CPUFallback: -1})
	_, q := r.clip("a", "h264_422")
	if _, err := r.NewDecoder(q); !errors.Is(err, decoder.ErrExhausted) {
		t.Errorf("got %v, want ErrExhausted", err)
	}
}

// What a decoder was told before the change holds after it, and what it is told then too.
func TestTakeoverKeepsSettings(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	clip, q := r.clip("a", "h264_422")
	d, _ := r.decoder(late(q))
	d.(decoder.Resizer).SetOutput(decoder.Output{MaxWidth: 320})
	d.(decoder.Skipper).SkipNonReference(true)
	decode := func(i int, nonReference bool) (widths []int) {
		t.Helper()
		au := unit(clip, i)
		au.NonReference = nonReference
		err := d.Decode(t.Context(), au, func(f *frame.Frame) error { widths = append(widths, f.Width); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return widths
	}
	if got := decode(0, false); len(got) != 1 || got[0] != 320 {
		t.Errorf("frames of widths %v, want 320", got)
	}
	if got := decode(1, true); len(got) != 0 {
		t.Errorf("%d pictures that nobody refers to were decoded", len(got))
	}
	d.(decoder.Resizer).SetOutput(decoder.Output{MaxWidth: 160})
	d.(decoder.Skipper).SkipNonReference(false)
	if got := decode(1, true); len(got) != 1 || got[0] != 160 {
		t.Errorf("frames of widths %v, want 160", got)
	}
}

// The same without a change.
func TestSettingsOnTheGPU(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	clip, q := r.clip("a", "h264_crop")
	d, _ := r.decoder(q)
	d.(decoder.Resizer).SetOutput(decoder.Output{MaxWidth: 320})
	d.(decoder.Skipper).SkipNonReference(true)
	f := first(t, d, clip)
	defer f.Release()
	au := unit(clip, 1)
	au.NonReference = true
	n := 0
	if err := d.Decode(t.Context(), au, func(*frame.Frame) error { n++; return nil }); err != nil || n != 0 || f.Width != 320 {
		t.Errorf("%d frames, width %d, %v", n, f.Width, err)
	}
}
