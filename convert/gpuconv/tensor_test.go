package gpuconv_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/converttest"
	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

func (r *rig) subject() converttest.Subject {
	return converttest.Subject{
		New: func(a *frame.Account) (convert.Converter, error) {
			return gpuconv.New(gpuconv.Config{Device: r.device, Kernels: r.kernels, Account: a})
		},
		Upload: func(tb testing.TB, f *frame.Frame) *frame.Frame {
			if f.Format == media.PixelRGB24 {
				return f.Retain()
			}
			return r.up.upload(tb, f)
		},
		Copies: true,
	}
}

func TestTensor(t *testing.T) { converttest.RunTensor(t, newRig(t).subject()) }

func TestHash(t *testing.T) { converttest.RunHash(t, newRig(t).subject()) }

func tensorOf(kind convert.TensorType, w, h int) convert.Tensor {
	return convert.Tensor{
		Type: kind, Layout: convert.TensorNCHW, Width: w, Height: h, Fit: convert.FitLetterbox,
		Scale: [3]float32{1, 1, 1}, Std: [3]float32{1, 1, 1}, Pad: 114,
	}
}

// read brings device memory to the host.
func (r *rig) read(t *testing.T, at gpu.Address, bytes int) []byte {
	t.Helper()
	stream, err := r.device.NewStream(gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := r.device.AllocPinned(bytes, gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	err = r.device.CopyToHost2D(stream, gpu.HostPlane{Memory: pinned, Pitch: bytes}, gpu.DevicePlane{Address: at, Pitch: bytes}, bytes, 1)
	if err = errors.Join(err, stream.Synchronize()); err != nil {
		t.Fatal(err)
	}
	out := append([]byte(nil), pinned.Bytes()[:bytes]...)
	if err := errors.Join(pinned.Close(), stream.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

// memory is device memory whose bytes are all 0xEE.
func (r *rig) memory(t *testing.T, bytes int) *gpu.Memory {
	t.Helper()
	m, err := r.device.Alloc(int64(bytes), gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	stream, err := r.device.NewStream(gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	err = r.device.Memset2D(stream, gpu.DevicePlane{Address: m.Address(), Pitch: bytes}, 0xEE, bytes, 1)
	if err := errors.Join(err, stream.Synchronize(), stream.Close()); err != nil {
		t.Fatal(err)
	}
	return m
}

// frames are pictures of different sizes in one ring each, as several cameras have them.
func (r *rig) frames(t *testing.T) (list []*frame.Frame) {
	t.Helper()
	for _, size := range [][2]int{{64, 48}, {101, 37}, {320, 180}, {16, 90}} {
		f := r.source(t, size[0], size[1])
		t.Cleanup(f.Release)
		list = append(list, f)
	}
	return list
}

// rowsOf are the frames' tensors, one behind the other.
func rowsOf(srcs []*frame.Frame, t convert.Tensor, at gpu.Address) (rows []gpuconv.Row) {
	for i, f := range srcs {
		rows = append(rows, gpuconv.Row{Source: f, Out: at + gpu.Address(i*t.Bytes())})
	}
	return rows
}

// TestTensorsOnDevice: each picture's tensor behind the other, as Tensor makes it alone,
// nothing around them, one launch each and one wait.
func TestTensorsOnDevice(t *testing.T) {
	r := newRig(t)
	c := r.open(t, gpuconv.Config{})
	srcs := r.frames(t)
	for _, kind := range []convert.TensorType{convert.TensorUint8, convert.TensorFloat16, convert.TensorFloat32} {
		tensor := tensorOf(kind, 33, 21)
		n := tensor.Bytes()
		const before = 64
		m := r.memory(t, len(srcs)*n+2*before)
		launches, waits := r.sim.Calls("cuLaunchKernel"), r.sim.Calls("cuStreamSynchronize")
		if err := c.TensorsOnDevice(t.Context(), rowsOf(srcs, tensor, m.Address()+before), tensor); err != nil {
			t.Fatal(err)
		}
		if r.sim.Simulated() {
			if l, w := r.sim.Calls("cuLaunchKernel")-launches, r.sim.Calls("cuStreamSynchronize")-waits; l != int64(len(srcs)) || w != 1 {
				t.Errorf("%v: %d launches and %d waits for %d pictures", kind, l, w, len(srcs))
			}
		}
		got := r.read(t, m.Address(), len(srcs)*n+2*before)
		for i, src := range srcs {
			want := make([]byte, n)
			if err := c.Tensor(t.Context(), src, tensor, want); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[before+i*n:][:n], want) {
				t.Errorf("%v: picture %d differs from its own tensor", kind, i)
			}
		}
		edges := append(bytes.Clone(got[:before]), got[before+len(srcs)*n:]...)
		if !bytes.Equal(edges, bytes.Repeat([]byte{0xEE}, 2*before)) {
			t.Errorf("%v: memory around the tensors was written", kind)
		}
	}
	if err := c.TensorsOnDevice(t.Context(), nil, tensorOf(convert.TensorUint8, 8, 8)); err != nil {
		t.Errorf("no pictures: %v", err)
	}
}

// TestTensorsOnDeviceRefused: one picture that can't be converted, and nothing is
// launched.
func TestTensorsOnDeviceRefused(t *testing.T) {
	r := newRig(t)
	c := r.open(t, gpuconv.Config{})
	srcs := r.frames(t)
	good := tensorOf(convert.TensorFloat32, 32, 32)
	m := r.memory(t, len(srcs)*good.Bytes())
	host := frame.NewPool(0, nil).Get(media.PixelNV12, 64, 48)
	defer host.Release()
	before := r.sim.Calls("cuLaunchKernel")
	if err := c.TensorsOnDevice(t.Context(), rowsOf(append(srcs[:3:3], host), good, m.Address()), good); !errors.Is(err, gpuconv.ErrSource) {
		t.Errorf("a host frame at the end: %v", err)
	}
	bad := good
	bad.Std[0] = 0
	for name, err := range map[string]error{
		"std 0":     c.TensorsOnDevice(t.Context(), rowsOf(srcs, bad, m.Address()), bad),
		"address 0": c.TensorsOnDevice(t.Context(), rowsOf(srcs, good, 0), good),
		"odd":       c.TensorsOnDevice(t.Context(), rowsOf(srcs, good, m.Address()+2), good),
	} {
		if !errors.Is(err, convert.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.sim.Calls("cuLaunchKernel") - before; n != 0 {
		t.Errorf("%d kernels were launched", n)
	}
	if err := c.Tensor(t.Context(), host, good, make([]byte, good.Bytes())); !errors.Is(err, gpuconv.ErrSource) {
		t.Errorf("tensor of a host frame: %v", err)
	}
	if _, err := c.Hash(t.Context(), host); !errors.Is(err, gpuconv.ErrSource) {
		t.Errorf("hash of a host frame: %v", err)
	}
}

// TestTensorsMadeElsewhere: rows that come from pinned memory lie between those that are
// made here, and one that is not in that memory fails.
func TestTensorsMadeElsewhere(t *testing.T) {
	r := newRig(t)
	c := r.open(t, gpuconv.Config{})
	tensor := tensorOf(convert.TensorUint8, 16, 16)
	n := tensor.Bytes()
	pinned, err := r.device.AllocPinned(2*n, gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pinned.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range pinned.Bytes() {
		pinned.Bytes()[i] = byte(i / n)
	}
	src := r.source(t, 64, 48)
	defer src.Release()
	want := make([]byte, n)
	if err := c.Tensor(t.Context(), src, tensor, want); err != nil {
		t.Fatal(err)
	}
	m := r.memory(t, 3*n)
	at := func(i int) gpu.Address { return m.Address() + gpu.Address(i*n) }
	rows := []gpuconv.Row{{Pinned: pinned, At: n, Out: at(0)}, {Source: src, Out: at(1)}, {Pinned: pinned, Out: at(2)}}
	if err := c.TensorsOnDevice(t.Context(), rows, tensor); err != nil {
		t.Fatal(err)
	}
	want = slices.Concat(pinned.Bytes()[n:], want, pinned.Bytes()[:n])
	if !bytes.Equal(r.read(t, m.Address(), 3*n), want) {
		t.Error("the rows are not what they were made of")
	}
	rows[0].At++
	if err := c.TensorsOnDevice(t.Context(), rows, tensor); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("elements behind the end: %v", err)
	}
}

// TestTensorLarger than a lane's pinned memory comes in parts, and that is all that is
// kept.
func TestTensorLarger(t *testing.T) {
	r := newRig(t)
	c := r.open(t, gpuconv.Config{Lanes: 1})
	src := r.source(t, 64, 48)
	defer src.Release()
	tensor := tensorOf(convert.TensorFloat32, 2048, 1536) // 36 MiB
	before := r.device.Ledger().Snapshot().ByPurpose[gpu.PurposeOther]
	got := make([]byte, tensor.Bytes())
	if err := c.Tensor(t.Context(), src, tensor, got); err != nil {
		t.Fatal(err)
	}
	m := r.memory(t, len(got))
	if err := c.TensorsOnDevice(t.Context(), rowsOf([]*frame.Frame{src}, tensor, m.Address()), tensor); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, r.read(t, m.Address(), len(got))) {
		t.Error("the parts are not the whole")
	}
	after := r.device.Ledger().Snapshot().ByPurpose[gpu.PurposeOther]
	if used := after.HostBytes - before.HostBytes; used > 32<<20 {
		t.Errorf("%d pinned bytes are kept", used)
	}
	if used := after.Bytes - before.Bytes - m.Size(); used > 0 {
		t.Errorf("%d bytes of device memory are kept", used)
	}
}

// TestTensorFaults: a tensor or hash that fails is an error of its own, leaves nothing
// behind, and the next one is right.
func TestTensorFaults(t *testing.T) {
	r := newRig(t)
	r.sim.NeedsSimulator()
	srcs := r.frames(t)
	tensor := tensorOf(convert.TensorFloat32, 32, 32)
	m := r.memory(t, len(srcs)*tensor.Bytes())
	works := map[string]func(*gpuconv.Converter) error{
		"tensor": func(c *gpuconv.Converter) error {
			return c.Tensor(t.Context(), srcs[0], tensor, make([]byte, tensor.Bytes()))
		},
		"tensors": func(c *gpuconv.Converter) error {
			return c.TensorsOnDevice(t.Context(), rowsOf(srcs, tensor, m.Address()), tensor)
		},
		"hash": func(c *gpuconv.Converter) error { _, err := c.Hash(t.Context(), srcs[0]); return err },
	}
	for _, fault := range []string{
		"cuMemAlloc:1+:2", "cuMemHostAlloc:1:2", "cuStreamWaitEvent:1:400", "cuLaunchKernel:1:1", "cuMemsetD2D8Async:1:1",
		"cuMemcpy2DAsync:1:1", "cuStreamSynchronize:1:999",
	} {
		failed := 0
		for name, work := range works {
			before := r.device.Ledger().Snapshot().ByPurpose[gpu.PurposeOther]
			c, err := gpuconv.New(gpuconv.Config{Device: r.device, Kernels: r.kernels})
			if err != nil {
				t.Fatal(err)
			}
			r.sim.Fail(fault)
			if work(c) != nil {
				failed++
			}
			r.sim.Fail("")
			if err := work(c); err != nil {
				t.Errorf("%s, %s: the next one: %v", fault, name, err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if after := r.device.Ledger().Snapshot().ByPurpose[gpu.PurposeOther]; after != before {
				t.Errorf("%s, %s: %+v after Close, %+v before", fault, name, after, before)
			}
		}
		if failed == 0 {
			t.Errorf("%s: nothing failed", fault)
		}
	}
}

// TestTensorsHoldNoSlot: the sources are the caller's again when the call returns.
func TestTensorsHoldNoSlot(t *testing.T) {
	r := newRig(t)
	c := r.open(t, gpuconv.Config{})
	src := r.source(t, 64, 48)
	slot, _ := surface.Of(src)
	m := r.memory(t, 3*32*32)
	tensor := tensorOf(convert.TensorUint8, 32, 32)
	if err := c.TensorsOnDevice(t.Context(), rowsOf([]*frame.Frame{src}, tensor, m.Address()), tensor); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Hash(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	ring := slot.Ring()
	src.Release()
	if held := ring.Stats().Held; held != 0 {
		t.Errorf("%d slots are held", held)
	}
}
