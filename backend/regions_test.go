package backend_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/media"
)

// regionVariable tells a process to read a region: its handle, GPU and size, and the file
// for what it finds.
const regionVariable = "FRAMEPORT_TEST_REGION"

// inReader runs the rest of the calling test's reader in a process of its own, and returns
// the bytes of the region that it has opened.
func inReader(t *testing.T, r *frame.Region) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "region")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBatchRegion$")
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", gputest.PathVariable+"="+gputest.LibraryPath(t),
		regionVariable+"="+strings.Join([]string{hex.EncodeToString(r.Handle), r.UUID, strconv.FormatInt(r.Bytes, 10), file}, ","))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the reader: %v\n%s", err, out)
	}
	got, err := os.ReadFile(file)
	if err != nil || int64(len(got)) != r.Bytes {
		t.Fatalf("the reader found %d bytes of %d: %v", len(got), r.Bytes, err)
	}
	return got
}

// readRegion is the reader.
func readRegion(t *testing.T, of string) {
	parts := strings.Split(of, ",")
	handle, err := hex.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	sim := gputest.Open(t)
	device, err := sim.Driver.OpenDevice(parts[1], gpu.DeviceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	use := gpu.Use{Purpose: gpu.PurposeOther}
	memory, err := device.OpenIPC([64]byte(handle))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := device.NewStream(use)
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := device.AllocPinned(n, use)
	if err != nil {
		t.Fatal(err)
	}
	err = device.CopyToHost2D(stream, gpu.HostPlane{Memory: pinned, Pitch: n}, gpu.DevicePlane{Address: memory.Address(), Pitch: n}, n, 1)
	err = errors.Join(err, stream.Synchronize(), os.WriteFile(parts[3], pinned.Bytes(), 0o600))
	if err := errors.Join(err, pinned.Close(), stream.Close(), memory.Close(), device.Close()); err != nil {
		t.Error(err)
	}
}

// region takes memory near frames, and gives it back at the end of the test.
func (r *rig) region(slots int, stride int64, near []*frame.Frame) *backend.BatchRegion {
	r.t.Helper()
	region, err := r.BatchRegion(r.t.Context(), slots, stride, slices.Values(near), r.Converter)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := region.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return region
}

// batches is what the ledger of a GPU says about regions.
func (r *rig) batches(device int) gpu.Usage {
	return r.Devices()[device].Ledger.ByPurpose[gpu.PurposeBatch]
}

func floats() convert.Tensor {
	t := model()
	t.Type, t.Scale, t.Mean, t.Std = convert.TensorFloat32, [3]float32{1. / 255, 1. / 255, 1. / 255}, [3]float32{0.485, 0.456, 0.406}, [3]float32{0.229, 0.224, 0.225}
	return t
}

// Another process finds in its memory the tensors that a message would hold, which are
// the truth's; those of cameras on the CPU are between those of cameras on the GPU.
func TestBatchRegion(t *testing.T) {
	if of := os.Getenv(regionVariable); of != "" {
		readRegion(t, of)
		return
	}
	_, r := openCUDA(t, backend.Config{})
	host := open(t, backend.Config{Kind: config.BackendCPU})
	frames := []*frame.Frame{r.still("color_bars_bt709"), host.still("color_red"), r.still("h264_crop"), host.still("color_bars_bt709"), r.still("color_red")}
	if !onDevice(frames[0]) || onDevice(frames[1]) || !onDevice(frames[4]) {
		t.Fatal("the frames are not where they should be")
	}
	for name, tensor := range map[string]convert.Tensor{"UINT8": model(), "FLOAT32": floats()} {
		n := tensor.Bytes()
		region := r.region(2, int64(len(frames)*n), frames)
		for i, err := range region.Write(t.Context(), int64(len(frames)*n), frames, tensor) {
			if err != nil {
				t.Errorf("%s: frame %d: %v", name, i, err)
			}
		}
		got := inReader(t, region.Region())
		if !bytes.Equal(got[:len(frames)*n], make([]byte, len(frames)*n)) {
			t.Errorf("%s: there is something in a slot that was not written", name)
		}
		for i, f := range frames {
			row, inline := got[(len(frames)+i)*n:][:n], make([]byte, n)
			if err := r.Converter.Tensor(t.Context(), f, tensor, inline); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(row, inline) {
				t.Errorf("%s: row %d is not what a message would hold", name, i)
			}
			r.truth(f, tensor, row)
		}
	}
}

// truth compares a tensor with the plain definition.
func (r *rig) truth(f *frame.Frame, tensor convert.Tensor, got []byte) {
	r.t.Helper()
	plain := r.picture(f, convert.Request{Format: media.PixelNV12, Color: f.Color})
	defer plain.Release()
	want, err := convert.TruthTensor(plain, tensor)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(want); i += tensor.Type.Size() {
		apart, most := math.Abs(float64(got[i])-float64(want[i])), 1.0
		if tensor.Type == convert.TensorFloat32 {
			a, b := math.Float32frombits(binary.LittleEndian.Uint32(got[i:])), math.Float32frombits(binary.LittleEndian.Uint32(want[i:]))
			apart, most = math.Abs(float64(a-b)), 1e-3
		}
		if apart > most {
			r.t.Fatalf("element %d is %g from the truth", i/tensor.Type.Size(), apart)
		}
	}
}

// The GPU with most of the frames has the region, and takes those of the others too.
func TestBatchRegionOfTwoGPUs(t *testing.T) {
	if !inChild(t, "DEVICES=2") {
		return
	}
	r := open(t, backend.Config{Kind: config.BackendCUDA})
	on := map[string]*frame.Frame{}
	for _, device := range []string{"0", "1", "cpu"} {
		clip, q := r.clip("camera-"+device, "color_bars_bt709")
		if q.Device = device; device == "cpu" {
			q.Device, q.Backend = "", config.BackendCPU
		}
		d, _ := r.decoder(q)
		on[device] = first(t, d, clip)
		defer on[device].Release()
	}
	tensor := model()
	n := tensor.Bytes()
	for _, tc := range []struct {
		near []*frame.Frame
		want int
	}{
		{nil, 0},
		{[]*frame.Frame{on["cpu"], on["cpu"], on["cpu"], on["1"]}, 1},
		{[]*frame.Frame{on["1"], on["0"]}, 0},
		{[]*frame.Frame{on["1"], on["0"], on["1"]}, 1},
	} {
		region := r.region(1, int64(4*n), tc.near)
		if d := region.Region(); d.Device != tc.want || d.UUID != r.Devices()[tc.want].Info.UUID {
			t.Errorf("on GPU %d, want %d", d.Device, tc.want)
		}
		if r.batches(tc.want).Bytes == 0 || r.batches(1-tc.want).Bytes != 0 {
			t.Error("the region is booked elsewhere")
		}
		frames := []*frame.Frame{on["1"], on["cpu"], on["0"], on["1"]}
		for i, err := range region.Write(t.Context(), 0, frames, tensor) {
			if err != nil {
				t.Errorf("frame %d: %v", i, err)
			}
		}
		got := inReader(t, region.Region())
		for i, f := range frames {
			want := make([]byte, n)
			if err := r.Converter.Tensor(t.Context(), f, tensor, want); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[i*n:][:n], want) {
				t.Errorf("GPU %d: row %d is not the frame's tensor", tc.want, i)
			}
		}
		if err := region.Close(); err != nil {
			t.Error(err)
		}
	}
}

// picky makes no tensors of some frames.
type picky struct {
	convert.Tensorer
	refuse *frame.Frame
}

func (p picky) Tensor(ctx context.Context, f *frame.Frame, t convert.Tensor, dst []byte) error {
	if f == p.refuse {
		return errors.New("no such luck")
	}
	return p.Tensorer.Tensor(ctx, f, t, dst)
}

// Frames of which nothing comes leave no gap, whichever part of a large batch they are in,
// and the pinned memory for frames from elsewhere is bounded.
func TestBatchRegionLeavesOut(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	host := open(t, backend.Config{Kind: config.BackendCPU})
	a, b, c := host.still("color_red"), host.still("color_bars_bt709"), r.still("color_bars_bt709")
	tensor := floats()
	tensor.Width, tensor.Height = 1024, 1024 // 12 MiB, two at a time
	n := tensor.Bytes()
	rows := map[*frame.Frame][]byte{}
	for _, f := range []*frame.Frame{b, c} {
		rows[f] = make([]byte, n)
		if err := r.Converter.Tensor(t.Context(), f, tensor, rows[f]); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct{ frames, want []*frame.Frame }{
		"first":  {[]*frame.Frame{a, b, c}, []*frame.Frame{b, c}},
		"parts":  {[]*frame.Frame{b, c, b, a, c, b}, []*frame.Frame{b, c, b, c, b}},
		"all":    {[]*frame.Frame{a, a}, nil},
		"no one": {nil, nil},
	} {
		region, err := r.BatchRegion(t.Context(), 1, int64(len(tc.frames)*n+1), slices.Values(tc.frames), picky{r.Converter, a})
		if err != nil {
			t.Fatal(err)
		}
		errs := region.Write(t.Context(), 0, tc.frames, tensor)
		for i, f := range tc.frames {
			if (errs[i] != nil) != (f == a) || f == a && !strings.Contains(errs[i].Error(), "no such luck") {
				t.Errorf("%s: frame %d: %v", name, i, errs[i])
			}
		}
		if staged := r.batches(0).HostBytes; staged > 32<<20 {
			t.Errorf("%s: %d bytes of pinned memory", name, staged)
		}
		got := inReader(t, region.Region())
		for i, f := range tc.want {
			if !bytes.Equal(got[i*n:][:n], rows[f]) {
				t.Errorf("%s: row %d is another frame's", name, i)
			}
		}
		if err := region.Close(); err != nil {
			t.Error(err)
		}
		if left := r.batches(0); left != (gpu.Usage{}) {
			t.Errorf("%s: %+v left", name, left)
		}
	}
}

func TestBatchRegionIsBooked(t *testing.T) {
	sim, r := openCUDA(t, backend.Config{})
	cleared := sim.Calls("cuMemsetD2D8Async")
	region := r.region(3, 1<<20, nil)
	if sim.Simulated() && sim.Calls("cuMemsetD2D8Async") != cleared+1 {
		t.Error("the memory may hold what others' cameras saw")
	}
	d := region.Region()
	if got := r.batches(0); got.Bytes != 4<<20 || d.Bytes != 3<<20 || d.Slots != 3 || d.Stride != 1<<20 || d.Offset != 0 || len(d.Handle) != 64 {
		t.Errorf("%+v is booked for %+v", got, d)
	}
	// A small one has a whole unit to itself: the handle opens no neighbours.
	if small := r.region(1, 1, nil); r.batches(0).Bytes != 6<<20 || small.Region().Name == d.Name {
		t.Errorf("%+v after a region of one byte, named %s", r.batches(0), small.Region().Name)
	}
	if status := r.Devices()[0]; status.Cameras != 0 || status.Promised != 0 {
		t.Errorf("%d cameras, %d bytes promised", status.Cameras, status.Promised)
	}
	host := open(t, backend.Config{Kind: config.BackendCPU})
	errs := region.Write(t.Context(), 3<<20-int64(model().Bytes())+1, []*frame.Frame{host.still("color_red")}, model())
	if errs[0] == nil {
		t.Error("a tensor beyond the end of the region was written")
	}
	// It holds the backend open, which can be closed again afterwards.
	if err := r.Close(); !errors.Is(err, gpu.ErrLeak) || !strings.Contains(err.Error(), "batch") {
		t.Errorf("closed with a region: %v", err)
	}
}

// Clients can't crowd out cameras, nor take what the budget does not allow.
func TestBatchRegionIsRefused(t *testing.T) {
	sim := gputest.Open(t)
	r := budget(t, 30)
	all := r.Devices()[0].Budget
	take := func(bytes int64) (*backend.BatchRegion, error) {
		return r.BatchRegion(t.Context(), 1, bytes, slices.Values([]*frame.Frame{}), r.Converter)
	}
	_, err := take(all/4 + 1)
	if !errors.Is(err, gpu.ErrOutOfMemory) || !strings.Contains(err.Error(), fmt.Sprintf("all together may have %d MiB", all/4>>20)) {
		t.Errorf("more than a quarter: %v", err)
	}
	region := r.region(1, all/8, nil)
	if _, err := take(all / 6); !errors.Is(err, gpu.ErrOutOfMemory) {
		t.Errorf("more than a quarter together: %v", err)
	}
	if err := region.Close(); err != nil {
		t.Error(err)
	}
	// What cameras were promised is theirs.
	for i := range 29 {
		defer r.admit(fmt.Sprintf("c%d", i), config.Camera{})()
	}
	_, err = take(3 * guess)
	if _, ok := errors.AsType[*gpu.AdmissionError](err); !ok || !strings.Contains(err.Error(), "a stream of batches needs about") {
		t.Errorf("more than is left: %v", err)
	}
	if sim.Simulated() {
		for _, fault := range []string{"cuMemAlloc:1:2", "cuStreamCreate:1:2", "cuMemsetD2D8Async:1:1", "cuStreamSynchronize:1:1", "cuIpcGetMemHandle:1:801"} {
			sim.Fail(fault)
			region, err := take(1)
			sim.Fail("")
			if region != nil || err == nil || strings.HasPrefix(fault, "cuIpc") && !errors.Is(err, gpu.ErrUnsupported) {
				t.Errorf("%s: %v", fault, err)
			}
		}
	}
	if left := r.batches(0); left != (gpu.Usage{}) {
		t.Errorf("%+v left", left)
	}
	if got := r.promised(0); got != 29*guess {
		t.Errorf("%d bytes are promised, to 29 cameras of %d", got, guess)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.BatchRegion(ctx, 1, 1, slices.Values([]*frame.Frame{}), r.Converter); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	host := open(t, backend.Config{Kind: config.BackendCPU})
	if _, err := host.BatchRegion(t.Context(), 1, 1, slices.Values([]*frame.Frame{}), host.Converter); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("without a GPU: %v", err)
	}
}

// Trouble with one batch is an error for each of its frames, and none for the next batch;
// without pinned memory the frames that are on the GPU have their tensors all the same.
func TestBatchRegionFaults(t *testing.T) {
	sim, r := openCUDA(t, backend.Config{})
	sim.NeedsSimulator()
	host := open(t, backend.Config{Kind: config.BackendCPU})
	frames := []*frame.Frame{r.still("color_red"), host.still("color_red")}
	region := r.region(1, int64(2*model().Bytes()), frames)
	for _, tc := range []struct {
		fault string
		want  string // which frames fail
	}{
		{"cuMemHostAlloc:1:2", "[false true]"},
		{"cuLaunchKernel:1:1", "[true true]"},
		{"cuMemcpy2DAsync:1:1", "[true true]"},
		{"", "[false false]"},
	} {
		sim.Fail(tc.fault)
		var failed []bool
		for _, err := range region.Write(t.Context(), 0, frames, model()) {
			failed = append(failed, err != nil)
		}
		sim.Fail("")
		if fmt.Sprint(failed) != tc.want {
			t.Errorf("%s: failed %v, want %s", tc.fault, failed, tc.want)
		}
	}
}

// What is on a lost GPU is not given back to it.
func TestBatchRegionOfALostGPU(t *testing.T) {
	if !inLostChild(t, "FAIL=cuLaunchKernel:1:700") {
		return
	}
	b, err := backend.New(t.Context(), backend.Config{Kind: config.BackendCUDA, LibraryPath: gputest.LibraryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Backend: b, t: t, account: &frame.Account{}}
	clip, q := r.clip("a", "color_red")
	d, err := r.NewDecoder(q)
	if err != nil {
		t.Fatal(err)
	}
	f := first(t, d, clip)
	region, err := r.BatchRegion(t.Context(), 1, int64(model().Bytes()), slices.Values([]*frame.Frame{f}), r.Converter)
	if err != nil {
		t.Fatal(err)
	}
	if errs := region.Write(t.Context(), 0, []*frame.Frame{f}, model()); !errors.Is(errs[0], gpu.ErrDeviceLost) {
		t.Errorf("%v", errs)
	}
	if err := region.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
