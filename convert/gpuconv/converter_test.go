package gpuconv_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/converttest"
	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a device with kernels and a way to get frames onto it.
type rig struct {
	sim     *gputest.Sim
	device  *gpu.Device
	kernels *kernels.Set
	up      *uploader
}

func newRig(t *testing.T) *rig {
	t.Helper()
	sim := gputest.Open(t)
	dev := sim.Device(gpu.DeviceConfig{})
	set, err := kernels.Load(dev)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{sim: sim, device: dev, kernels: set, up: newUploader(t, dev)}
}

func (r *rig) open(t *testing.T, cfg gpuconv.Config) *gpuconv.Converter {
	t.Helper()
	cfg.Device, cfg.Kernels = r.device, r.kernels
	c, err := gpuconv.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// source is a picture on the device.
func (r *rig) source(t *testing.T, w, h int) *frame.Frame {
	t.Helper()
	f := frame.NewPool(0, nil).Get(media.PixelNV12, w, h)
	defer f.Release()
	for i, p := range f.Planes {
		for j := range p.Data {
			p.Data[j] = byte(j*7 + j/p.Pitch*11 + 3*i)
		}
	}
	f.Color = media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
	return r.up.upload(t, f)
}

func jpegRequest() convert.Request {
	return convert.Request{Format: media.PixelI420, Color: media.JFIF()}
}

func TestConverter(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		name string
		cfg  gpuconv.Config
	}{{"device", gpuconv.Config{}}, {"host", gpuconv.Config{HostJPEG: true, Lanes: 1}}} {
		t.Run(test.name, func(t *testing.T) {
			helper := r.open(t, gpuconv.Config{})
			converttest.Run(t, converttest.Subject{
				New: func(a *frame.Account) (convert.Converter, error) {
					cfg := test.cfg
					cfg.Device, cfg.Kernels, cfg.Account = r.device, r.kernels, a
					return gpuconv.New(cfg)
				},
				Upload: func(tb testing.TB, f *frame.Frame) *frame.Frame { return r.up.upload(tb, f) },
				Download: func(tb testing.TB, f *frame.Frame) *frame.Frame {
					out, err := helper.Download(tb.Context(), f)
					if err != nil {
						tb.Fatal(err)
					}
					return out
				},
				Copies: true,
			})
		})
	}
}

// TestWhere: pictures for JPEG stay on the device, all others come to the host.
func TestWhere(t *testing.T) {
	r := newRig(t)
	src := r.source(t, 64, 48)
	defer src.Release()
	for _, test := range []struct {
		cfg    gpuconv.Config
		req    convert.Request
		device bool
	}{
		{gpuconv.Config{}, jpegRequest(), true},
		{gpuconv.Config{HostJPEG: true}, jpegRequest(), false},
		{gpuconv.Config{}, convert.Request{Format: media.PixelI420}, false},
		{gpuconv.Config{}, convert.Request{Format: media.PixelNV12}, false},
		{gpuconv.Config{}, convert.Request{Format: media.PixelGray8, Color: media.JFIF()}, false},
	} {
		out, err := r.open(t, test.cfg).Convert(t.Context(), src, test.req)
		if err != nil {
			t.Fatal(err)
		}
		planes, ok := out.Memory().(interface {
			DevicePlanes() ([3]gpu.DevicePlane, *gpu.Event)
		})
		if ok != test.device || (out.Planes[0].Data == nil) != test.device {
			t.Errorf("%+v with %+v: on the device %v, want %v", test.req, test.cfg, ok, test.device)
		}
		if ok {
			p, ready := planes.DevicePlanes()
			if ready != nil || p[0].Address == 0 || p[1].Address <= p[0].Address || p[2].Address <= p[1].Address || p[0].Pitch < 64 || p[1].Pitch < 32 {
				t.Errorf("planes %+v, event %v", p, ready)
			}
		}
		out.Release()
	}
}

// TestForeignFrames: frames in host memory, and those of the converter itself.
func TestForeignFrames(t *testing.T) {
	r := newRig(t)
	c := r.open(t, gpuconv.Config{})
	host := frame.NewPool(0, nil).Get(media.PixelNV12, 64, 48)
	defer host.Release()
	if _, err := c.Convert(t.Context(), host, jpegRequest()); !errors.Is(err, gpuconv.ErrSource) {
		t.Errorf("a host frame: %v", err)
	}
	same, err := c.Download(t.Context(), host)
	if err != nil || same != host {
		t.Errorf("download of a host frame: %v, %v", same, err)
	}
	same.Release()
	src := r.source(t, 64, 48)
	defer src.Release()
	img, err := c.Convert(t.Context(), src, jpegRequest())
	if err != nil {
		t.Fatal(err)
	}
	defer img.Release()
	if _, err := c.Convert(t.Context(), img, jpegRequest()); !errors.Is(err, gpuconv.ErrSource) {
		t.Errorf("a picture of the converter's: %v", err)
	}
}

// TestConfig: everything that is wrong is told at once.
func TestConfig(t *testing.T) {
	_, err := gpuconv.New(gpuconv.Config{Lanes: 17})
	for _, part := range []string{"no device", "no kernels", "17 lanes"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

// TestMemoryIsBounded: many sizes leave no more than a few blocks behind, a picture
// that is too large to keep leaves none, and Close leaves nothing.
func TestMemoryIsBounded(t *testing.T) {
	r := newRig(t)
	c := r.open(t, gpuconv.Config{Lanes: 2})
	src := r.source(t, 640, 360)
	defer src.Release()
	r.up.settle(t)
	before := r.device.Ledger().Snapshot().ByPurpose[gpu.PurposeOther]
	run := func(width int) gpu.Usage {
		t.Helper()
		for _, req := range []convert.Request{jpegRequest(), {Format: media.PixelRGB24}} {
			req.Width = width
			out, err := c.Convert(t.Context(), src, req)
			if err != nil {
				t.Fatal(err)
			}
			out.Release()
		}
		return r.device.Ledger().Snapshot().ByPurpose[gpu.PurposeOther]
	}
	var most int
	for width := 100; width <= 2500; width += 200 {
		most = max(most, run(width).Objects-before.Objects)
	}
	if want := 2*2 + 2; most > want { // blocks, and a pinned buffer for each lane
		t.Errorf("%d objects were kept, want at most %d", most, want)
	}
	large := run(6000) // 60 MB of RGB
	if used := large.Bytes - before.Bytes; used > 4*32<<20 {
		t.Errorf("%d bytes are kept after a large picture", used)
	}
	if used := large.HostBytes - before.HostBytes; used > 2*32<<20 {
		t.Errorf("%d pinned bytes are kept after a large picture", used)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	after := r.device.Ledger().Snapshot().ByPurpose[gpu.PurposeOther]
	if want := before.Objects - 2; after.Objects != want || after.Bytes != before.Bytes { // the lanes' streams
		t.Errorf("%+v after Close, %+v before the work", after, before)
	}
}

// TestFaults: a picture that fails is an error of its own, leaves nothing behind, and
// the next one is right.
func TestFaults(t *testing.T) {
	r := newRig(t)
	r.sim.NeedsSimulator()
	src := r.source(t, 64, 48)
	defer src.Release()
	scaled := jpegRequest()
	scaled.Width = 32
	for _, fault := range []string{
		"cuMemAlloc:1+:2", "cuMemAlloc:2+:2", "cuMemHostAlloc:1:2", "cuStreamWaitEvent:1:400", "cuLaunchKernel:1:1", "cuLaunchKernel:2:1",
		"cuMemcpy2DAsync:1:1", "cuStreamSynchronize:1:999",
	} {
		failed := 0
		for _, req := range []convert.Request{jpegRequest(), scaled, {Format: media.PixelRGB24, Width: 40}} {
			account := new(frame.Account)
			cfg := gpuconv.Config{Device: r.device, Kernels: r.kernels, Account: account}
			c, err := gpuconv.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			r.sim.Fail(fault)
			out, err := c.Convert(t.Context(), src, req)
			if err == nil {
				out.Release() // this request does without the call
			} else if failed++; strings.HasSuffix(fault, ":2") && !errors.Is(err, gpu.ErrOutOfMemory) {
				t.Errorf("%s: %v", fault, err)
			}
			r.sim.Fail("")
			if out, err = c.Convert(t.Context(), src, req); err != nil {
				t.Errorf("%s: the next picture: %v", fault, err)
			} else {
				out.Release()
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if account.Frames() != 0 || account.Bytes() != 0 {
				t.Errorf("%s: %d frames and %d bytes are left", fault, account.Frames(), account.Bytes())
			}
		}
		if failed == 0 {
			t.Errorf("%s: no picture failed", fault)
		}
	}
}

// TestOutOfMemoryFreesIdle: what is kept idle is given up before a picture fails.
func TestOutOfMemoryFreesIdle(t *testing.T) {
	r := newRig(t)
	r.sim.NeedsSimulator()
	c := r.open(t, gpuconv.Config{Lanes: 1})
	src := r.source(t, 64, 48)
	defer src.Release()
	for i, width := range []int{64, 2000} {
		if i == 1 {
			r.sim.Fail("cuMemAlloc:1:2")
		}
		req := jpegRequest()
		req.Width = width
		out, err := c.Convert(t.Context(), src, req)
		if err != nil {
			t.Fatal(err)
		}
		out.Release()
	}
	if n := r.sim.Calls("cuMemFree"); n == 0 {
		t.Error("nothing was given up")
	}
}

// TestResultOutlivesSource: a result is there when Convert returns, whatever becomes
// of the source.
func TestResultOutlivesSource(t *testing.T) {
	r := newRig(t)
	c := r.open(t, gpuconv.Config{})
	src := r.source(t, 320, 180)
	want, err := c.Convert(t.Context(), src, convert.Request{Format: media.PixelI420, Color: media.Color{Matrix: media.MatrixBT601, Range: media.RangeLimited}})
	if err != nil {
		t.Fatal(err)
	}
	defer want.Release()
	req := jpegRequest()
	first, err := c.Convert(t.Context(), src, req)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release()
	src.Release()
	r.source(t, 320, 180).Release()
	a, err := c.Download(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	again := r.source(t, 320, 180)
	defer again.Release()
	second, err := r.open(t, gpuconv.Config{HostJPEG: true}).Convert(t.Context(), again, req)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Release()
	for i := range a.Planes {
		if !bytes.Equal(a.Planes[i].Data, second.Planes[i].Data) && !equalRows(a, second, i) {
			t.Errorf("plane %d has changed", i)
		}
	}
}

// equalRows compares the pixels of a plane, not what lies between its rows.
func equalRows(a, b *frame.Frame, plane int) bool {
	sizes, _ := a.Format.Planes(a.Width, a.Height)
	for y := range sizes[plane].Rows {
		x, z := a.Planes[plane], b.Planes[plane]
		if !bytes.Equal(x.Data[y*x.Pitch:][:sizes[plane].RowBytes], z.Data[y*z.Pitch:][:sizes[plane].RowBytes]) {
			return false
		}
	}
	return true
}

// TestDeviceLost: a kernel that breaks the context fails the picture, the device knows,
// and nothing more is tried. The simulator keeps what lived in a broken context, so
// this is for a process of its own.
func TestDeviceLost(t *testing.T) {
	const variable = "FRAMEPORT_TEST_DEVICE_LOST"
	if os.Getenv(variable) != "" {
		loseDevice(t)
		if t.Failed() {
			os.Exit(1)
		}
		os.Exit(0)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDeviceLost$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func loseDevice(t *testing.T) {
	r := newRig(t)
	if !r.sim.Simulated() {
		return
	}
	c := r.open(t, gpuconv.Config{})
	src := r.source(t, 64, 48)
	r.sim.Fail("cuLaunchKernel:1:700")
	if _, err := c.Convert(t.Context(), src, jpegRequest()); !errors.Is(err, gpu.ErrDeviceLost) {
		t.Errorf("got %v", err)
	}
	if err := r.device.Health(); !errors.Is(err, gpu.ErrDeviceLost) {
		t.Errorf("the device's health: %v", err)
	}
	before := r.sim.Calls("cuLaunchKernel")
	if _, err := c.Convert(t.Context(), src, jpegRequest()); !errors.Is(err, gpu.ErrDeviceLost) {
		t.Errorf("afterwards: %v", err)
	}
	if n := r.sim.Calls("cuLaunchKernel") - before; n != 0 {
		t.Errorf("%d more kernels were launched", n)
	}
}
