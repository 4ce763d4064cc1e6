package kernels_test

import (
	"bytes"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/media"
)

// device is a device with the kernels loaded.
type device struct {
	t      *testing.T
	dev    *gpu.Device
	set    *kernels.Set
	stream *gpu.Stream
}

func newDevice(t *testing.T) *device {
	t.Helper()
	d := &device{t: t, dev: gputest.Open(t).Device(gpu.DeviceConfig{Reserve: -1})}
	var err error
	if d.set, err = kernels.Load(d.dev); err != nil {
		t.Fatal(err)
	}
	d.later(d.set.Close)
	if d.stream, err = d.dev.NewStream(gpu.Use{Purpose: gpu.PurposeOther}); err != nil {
		t.Fatal(err)
	}
	d.later(d.stream.Close)
	return d
}

func (d *device) later(close func() error) {
	d.t.Cleanup(func() {
		if err := close(); err != nil {
			d.t.Error(err)
		}
	})
}

func (d *device) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// memory is device memory with the given bytes in it.
func (d *device) memory(content []byte) gpu.Address {
	d.t.Helper()
	m, err := d.dev.Alloc(int64(len(content)), gpu.Use{Purpose: gpu.PurposeOther})
	d.must(err)
	d.later(m.Close)
	pinned, err := d.dev.AllocPinned(len(content), gpu.Use{Purpose: gpu.PurposeOther})
	d.must(err)
	d.later(pinned.Close)
	copy(pinned.Bytes(), content)
	n := len(content)
	d.must(d.dev.CopyFromHost2D(d.stream, gpu.DevicePlane{Address: m.Address(), Pitch: n}, gpu.HostPlane{Memory: pinned, Pitch: n}, n, 1))
	d.later(d.stream.Synchronize) // before pinned goes away
	return m.Address()
}

func (d *device) read(at gpu.Address, n int) []byte {
	d.t.Helper()
	pinned, err := d.dev.AllocPinned(n, gpu.Use{Purpose: gpu.PurposeOther})
	d.must(err)
	d.later(pinned.Close)
	d.must(d.dev.CopyToHost2D(d.stream, gpu.HostPlane{Memory: pinned, Pitch: n}, gpu.DevicePlane{Address: at, Pitch: n}, n, 1))
	d.must(d.stream.Synchronize())
	return bytes.Clone(pinned.Bytes())
}

// upload is a frame's planes on the device.
func (d *device) upload(f *frame.Frame) kernels.Picture {
	return kernels.Picture{
		Luma: d.memory(f.Planes[0].Data), Chroma: d.memory(f.Planes[1].Data),
		LumaPitch: int32(f.Planes[0].Pitch), ChromaPitch: int32(f.Planes[1].Pitch),
		Width: int32(f.Width), Height: int32(f.Height), Depth: 8,
	}
}

// TestSet: every kernel runs on the device over the whole picture.
func TestSet(t *testing.T) {
	d := newDevice(t)
	if d.set.Target() != "sm_75" {
		t.Errorf("the code is for %s", d.set.Target())
	}
	const w, h = 131, 77
	c := colors()[2]
	src, _ := newHost(t).source(w, h, c, rand.New(rand.NewPCG(1, 1)), false)
	defer src.Release()
	pic := d.upload(src)
	truth := func(req convert.Request) (*frame.Frame, convert.Geometry) {
		t.Helper()
		g, err := convert.Resolve(req, w, h)
		d.must(err)
		want, err := convert.Truth(src, req)
		d.must(err)
		return want, g
	}
	same := func(what string, at gpu.Address, pitch int, want *frame.Frame, plane, tolerance int) {
		t.Helper()
		sizes, _ := want.Format.Planes(want.Width, want.Height)
		(&host{t: t}).equal(what, d.read(at, pitch*sizes[plane].Rows), pitch, want, plane, tolerance)
	}

	want, g := truth(convert.Request{Format: media.PixelRGB24, Crop: image.Rect(3, 5, 120, 70)})
	rgb := kernels.RGB{View: view(pic, g), Table: kernels.RGBTable(convert.NewRGBTable(c)), Pitch: int32(3 * g.Width)}
	rgb.Out[0] = d.memory(make([]byte, 3*g.Width*g.Height))
	d.must(d.set.RGB(d.stream, &rgb))
	same("rgb", rgb.Out[0], 3*g.Width, want, 0, 0)

	want, g = truth(convert.Request{Format: media.PixelI420, Color: media.JFIF()})
	table := kernels.YCCTable(convert.NewYCCTable(c, media.JFIF()))
	yuv := kernels.JFIF420{View: view(pic, g), Table: table, LumaPitch: w, ChromaPitch: (w + 1) / 2}
	for i := range 3 {
		yuv.Out[i] = d.memory(make([]byte, w*h))
	}
	d.must(d.set.JFIF420(d.stream, &yuv))
	for i, pitch := range []int{w, (w + 1) / 2, (w + 1) / 2} {
		same("jfif420", yuv.Out[i], pitch, want, i, 0)
	}

	want, g = truth(convert.Request{Format: media.PixelGray8, Color: media.JFIF()})
	grey := kernels.Gray8{View: view(pic, g), Table: table, Pitch: w, Out: d.memory(make([]byte, w*h))}
	d.must(d.set.Gray8(d.stream, &grey))
	same("gray8", grey.Out, w, want, 0, 0)

	want, g = truth(convert.Request{Format: media.PixelNV12, Crop: image.Rect(1, 2, 100, 60)})
	cp := kernels.Copy{View: view(pic, g), LumaPitch: 100, ChromaPitch: 100, Luma: d.memory(make([]byte, 100*58)), Chroma: d.memory(make([]byte, 100*29))}
	d.must(d.set.Copy(d.stream, &cp))
	same("copy", cp.Luma, 100, want, 0, 0)
	same("copy", cp.Chroma, 100, want, 1, 0)

	want, g = truth(convert.Request{Format: media.PixelNV12, Width: 64, Height: 64, Fit: convert.FitLetterbox})
	rs := kernels.Resize{View: view(pic, g), LumaPitch: 64, ChromaPitch: 64, Black: 16, Luma: d.memory(make([]byte, 64*64)), Chroma: d.memory(make([]byte, 64*32))}
	d.must(d.set.Resize(d.stream, &rs))
	same("resize", rs.Luma, 64, want, 0, 1)
	same("resize", rs.Chroma, 64, want, 1, 1)

	want, g = truth(convert.Request{Format: media.PixelRGB24})
	tensor := kernels.Tensor{
		View: view(pic, g), Table: rgb.Table, RowStride: 3 * w, Type: kernels.TensorUint8, Layout: kernels.TensorNHWC,
		Scale: [3]float32{1, 1, 1}, Out: d.memory(make([]byte, 3*w*h)),
	}
	d.must(d.set.Tensor(d.stream, &tensor))
	same("tensor", tensor.Out, 3*w, want, 0, 0)

	hash := kernels.Hash{Source: pic, Out: d.memory(make([]byte, 8))}
	d.must(d.set.Hash(d.stream, &hash))
	if bytes.Equal(d.read(hash.Out, 8), make([]byte, 8)) {
		t.Error("the hash is zero")
	}
	if err := d.set.RGB(d.stream, &kernels.RGB{}); err == nil {
		t.Error("a picture without pixels was launched")
	}
}

// TestTargets: the code for each architecture loads and says what it is; there is none
// for others.
func TestTargets(t *testing.T) {
	dev := gputest.Open(t).Device(gpu.DeviceConfig{Reserve: -1})
	for _, target := range kernels.Targets() {
		set, err := kernels.LoadTarget(dev, target)
		if err != nil {
			t.Fatal(err)
		}
		if set.Target() != target {
			t.Errorf("%s was asked for, %s came", target, set.Target())
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := kernels.LoadTarget(dev, "sm_1"); err == nil {
		t.Error("there is code for sm_1")
	}
}
