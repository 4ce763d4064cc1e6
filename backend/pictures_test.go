package backend_test

import (
	"bytes"
	"fmt"
	"image"
	stdjpeg "image/jpeg"
	"strings"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/media"
)

// picture makes what callers get of a frame.
func (r *rig) picture(f *frame.Frame, req convert.Request) *frame.Frame {
	r.t.Helper()
	out, err := r.Converter.Convert(r.t.Context(), f, req)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// jpeg makes a JPEG of a frame and decodes it again. Width 0 is the frame's own.
func (r *rig) jpeg(f *frame.Frame, width int) *image.YCbCr {
	r.t.Helper()
	img := r.picture(f, convert.Request{Format: media.PixelI420, Color: media.JFIF(), Width: width})
	defer img.Release()
	// Less quality would show how the encoders round, and not what they were given.
	data, err := r.Encoder.Encode(r.t.Context(), img, jpeg.Options{Quality: 100}, []byte("head"))
	if err != nil || !bytes.HasPrefix(data, []byte("head")) {
		r.t.Fatalf("%d bytes, %v", len(data), err)
	}
	decoded, err := stdjpeg.Decode(bytes.NewReader(data[len("head"):]))
	if err != nil {
		r.t.Fatal(err)
	}
	planes, ok := decoded.(*image.YCbCr)
	if !ok || planes.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		r.t.Fatalf("a JPEG %T", decoded)
	}
	return planes
}

// rgb are the pixels of a frame, without padding.
func (r *rig) rgb(f *frame.Frame) []byte {
	r.t.Helper()
	img := r.picture(f, convert.Request{Format: media.PixelRGB24})
	defer img.Release()
	var out []byte
	for y := range img.Height {
		out = append(out, img.Planes[0].Data[y*img.Planes[0].Pitch:][:3*img.Width]...)
	}
	return out
}

// apart is how much two planes of samples differ, at most and on average.
func apart(t *testing.T, a, b []byte) (most int, mean float64) {
	t.Helper()
	if len(a) != len(b) || len(a) == 0 {
		t.Fatalf("%d and %d samples", len(a), len(b))
	}
	sum := 0
	for i := range a {
		d := max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
		sum += d
		most = max(most, d)
	}
	return most, float64(sum) / float64(len(a))
}

// levels is how much the pictures of one frame may differ in any sample.
const levels = 2

// alike checks that two JPEG pictures of a frame are the same. Scaled ones are made by
// different filters, which shows at edges.
func alike(t *testing.T, what string, tolerance int, scaled bool, a, b *image.YCbCr) {
	t.Helper()
	if a.Rect != b.Rect {
		t.Fatalf("%s: %v and %v", what, a.Rect, b.Rect)
	}
	for i, planes := range [][2][]byte{{a.Y, b.Y}, {a.Cb, b.Cb}, {a.Cr, b.Cr}} {
		most, mean := apart(t, planes[0], planes[1])
		if scaled && mean > 5 || !scaled && most > tolerance {
			t.Errorf("%s, plane %d: JPEG differs by %d levels, on average %.2f", what, i, most, mean)
		}
	}
}

// same checks that the pictures of two frames are the same, however they are made.
func same(t *testing.T, what string, tolerance int, a *rig, f *frame.Frame, b *rig, g *frame.Frame) {
	t.Helper()
	alike(t, what, tolerance, false, a.jpeg(f, 0), b.jpeg(g, 0))
	alike(t, what+", smaller", tolerance, true, a.jpeg(f, 160), b.jpeg(g, 160))
	if n, _ := apart(t, a.rgb(f), b.rgb(g)); n > tolerance {
		t.Errorf("%s: RGB differs by %d levels", what, n)
	}
}

// onDevice says whether a frame is in device memory.
func onDevice(f *frame.Frame) bool {
	_, ok := surface.Of(f)
	return ok
}

// TestPicturesOfAllClips: whoever made a frame, its pictures are those of the CPU's.
func TestPicturesOfAllClips(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	host := open(t, backend.Config{Kind: config.BackendCPU})
	onGPU := 0
	for _, name := range testvideo.Names() {
		clip, q := r.clip("a", name)
		d, chosen := r.decoder(q)
		f := first(t, d, clip)
		_, q = host.clip("a", name)
		h, _ := host.decoder(q)
		g := first(t, h, clip)
		if onDevice(f) != ((*chosen)[len(*chosen)-1].Name == "CUDA") {
			t.Errorf("%s: a surface: %v, chosen %+v", name, onDevice(f), *chosen)
		}
		if onDevice(f) {
			onGPU++
		}
		tolerance := levels
		if strings.HasSuffix(clip.PixFmt, "10le") && onDevice(f) {
			tolerance = 6 // the decoders round 10 bits to 8 differently, by a level of luma
		}
		same(t, name, tolerance, r, f, host, g)
		f.Release()
		g.Release()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if onGPU < 15 {
		t.Errorf("only %d clips were decoded by the GPU", onGPU)
	}
}

// TestPicturesOfTwoGPUs: one converter and one encoder take the frames of either GPU and
// those of the CPU.
func TestPicturesOfTwoGPUs(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	r := open(t, backend.Config{Kind: config.BackendCUDA})
	frames := map[string]*frame.Frame{}
	for _, device := range []string{"0", "1", "cpu"} {
		clip, q := r.clip("camera-"+device, "color_bars_bt709")
		if q.Device = device; device == "cpu" {
			q.Device, q.Backend = "", config.BackendCPU
		}
		d, _ := r.decoder(q)
		frames[device] = first(t, d, clip)
		defer frames[device].Release()
	}
	a, _ := surface.Of(frames["0"])
	b, _ := surface.Of(frames["1"])
	if _, ok := surface.Of(frames["cpu"]); ok || a.Device() == b.Device() {
		t.Fatal("the frames are not on three devices")
	}
	for device, f := range frames {
		same(t, device, levels, r, f, r, frames["cpu"])
	}
}

// TestForeignFrames: a frame on a GPU that the backend does not use is an error, not a
// read of somebody else's memory.
func TestForeignFrames(t *testing.T) {
	sim, r := openCUDA(t, backend.Config{})
	sim.NeedsSimulator()
	sim.Fail("nvmlInit:0:9") // the simulated NVML knows one user in a process
	other := open(t, backend.Config{Kind: config.BackendCUDA})
	sim.Fail("")
	clip, q := other.clip("a", "color_red")
	d, _ := other.decoder(q)
	f := first(t, d, clip)
	defer f.Release()
	if _, err := r.Converter.Convert(t.Context(), f, convert.Request{Format: media.PixelRGB24}); err == nil || !strings.Contains(err.Error(), "not in use") {
		t.Errorf("convert: %v", err)
	}
	img := other.picture(f, convert.Request{Format: media.PixelI420, Color: media.JFIF()})
	defer img.Release()
	if out, err := r.Encoder.Encode(t.Context(), img, jpeg.Options{Quality: 90}, []byte("x")); err == nil || string(out) != "x" {
		t.Errorf("encode: %q, %v", out, err)
	}
}

// still returns a frame of a clip whose decoder is gone.
func (r *rig) still(name string) *frame.Frame {
	r.t.Helper()
	clip, q := r.clip("still", name)
	d, _ := r.decoder(q)
	f := first(r.t, d, clip)
	if err := d.Close(); err != nil {
		r.t.Error(err)
	}
	r.t.Cleanup(f.Release)
	return f
}

func TestWithoutNVJPEG(t *testing.T) {
	for name, fault := range map[string]string{"Missing": "", "Broken": "FAIL=nvjpegCreateSimple:0:7", "NoMemory": "FAIL=nvjpegEncoderStateCreate:0:5"} {
		t.Run(name, func(t *testing.T) {
			if fault == "" {
				fault = "STRICT=" // nothing special
			}
			if !inChild(t, fault) {
				return
			}
			cfg, why := backend.Config{Kind: config.BackendCUDA}, "nvjpegCreateSimple"
			switch name {
			case "Missing":
				dir := t.TempDir()
				if err := link(dir, "libcuda.so.1", "libnvcuvid.so.1", "libnvidia-ml.so.1"); err != nil {
					t.Fatal(err)
				}
				t.Setenv(gputest.PathVariable, dir)
				why = "it is not installed"
			case "NoMemory":
				why = "out of memory"
			}
			r := open(t, cfg)
			if len(r.Choice.Notes) != 1 || !strings.Contains(r.Choice.Notes[0], "the CPU encodes JPEG") ||
				!strings.Contains(r.Choice.Notes[0], why) || strings.Contains(r.Choice.Notes[0], "\n") {
				t.Errorf("notes %q", r.Choice.Notes)
			}
			if s := r.Devices()[0].JPEG; !strings.HasPrefix(s, "the CPU: ") || !strings.Contains(s, why) {
				t.Errorf("JPEG: %s", s)
			}
			host := open(t, backend.Config{Kind: config.BackendCPU})
			f := r.still("color_bars_bt709")
			same(t, name, levels, r, f, host, host.still("color_bars_bt709"))
			img := r.picture(f, convert.Request{Format: media.PixelI420, Color: media.JFIF()})
			defer img.Release()
			if img.Planes[0].Data == nil {
				t.Error("the picture stays on the GPU, where nobody encodes it")
			}
		})
	}
}

// Pictures that are too small for nvJPEG come from the CPU.
func TestSmallPictures(t *testing.T) {
	sim, r := openCUDA(t, backend.Config{})
	host := open(t, backend.Config{Kind: config.BackendCPU})
	f, g := r.still("color_red"), host.still("color_red")
	if s := r.Devices()[0].JPEG; !strings.HasPrefix(s, "nvJPEG ") || !strings.Contains(s, "libnvjpeg.so.12") {
		t.Errorf("JPEG: %s", s)
	}
	for _, width := range []int{8, 31, 41, 42, 320} { // 42 x 32 is the first with both sides large enough
		before := sim.Calls("nvjpegEncodeYUV")
		alike(t, fmt.Sprint(width), levels, false, r.jpeg(f, width), host.jpeg(g, width))
		if n := sim.Calls("nvjpegEncodeYUV") - before; sim.Simulated() && n != map[bool]int64{true: 1}[width >= 42] {
			t.Errorf("width %d: nvJPEG encoded %d pictures", width, n)
		}
	}
}

// A picture for which nvJPEG has no memory, or which it does not support, comes from the
// CPU; the next one from nvJPEG again. Other errors are the picture's.
func TestNVJPEGFails(t *testing.T) {
	sim, r := openCUDA(t, backend.Config{})
	sim.NeedsSimulator()
	f := r.still("color_bars_bt709")
	want := r.jpeg(f, 0)
	for _, status := range []int{5, 9} {
		sim.Fail(fmt.Sprintf("nvjpegEncodeYUV:1:%d", status))
		alike(t, fmt.Sprint(status), levels, false, r.jpeg(f, 0), want)
		alike(t, "next", levels, false, r.jpeg(f, 0), want)
		if n := sim.Calls("nvjpegEncodeYUV"); n != 2 {
			t.Errorf("status %d: nvJPEG was called %d times", status, n)
		}
	}
	if s := r.Devices()[0].JPEG; !strings.Contains(s, "for 2 pictures") {
		t.Errorf("JPEG: %s", s)
	}
	img := r.picture(f, convert.Request{Format: media.PixelI420, Color: media.JFIF()})
	defer img.Release()
	sim.Fail("nvjpegEncodeYUV:1:6")
	if out, err := r.Encoder.Encode(t.Context(), img, jpeg.Options{Quality: 90}, []byte("x")); err == nil || string(out) != "x" {
		t.Errorf("%q, %v", out, err)
	}
	sim.Fail("")
	if _, err := r.Encoder.Encode(t.Context(), img, jpeg.Options{Quality: 101}, nil); err == nil {
		t.Error("a quality of 101 was taken")
	}
}

// What is asked for by name is not replaced.
func TestByName(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	for kind, want := range map[config.BackendKind]string{config.BackendCPU: "CPU", config.BackendCUDA: "CUDA", config.BackendAuto: "CUDA"} {
		clip, q := r.clip("a", "h264_crop")
		q.Backend = kind
		d, chosen := r.decoder(q)
		first(t, d, clip).Release()
		info := camera.BackendInfo{Name: want}
		if want == "CUDA" {
			info.Device = r.Devices()[0].Info.UUID
		}
		if (*chosen)[0] != info || len(*chosen) != 1 {
			t.Errorf("%v: %+v, want %+v", kind, *chosen, info)
		}
	}
}
