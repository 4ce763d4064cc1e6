package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// newBundle is a bundle with small clips, for the simulated driver.
func newBundle(t *testing.T) bundle {
	t.Helper()
	b := bundle{dir: t.TempDir(), libraryPath: gputest.LibraryPath(t), simulated: true}
	if err := os.Mkdir(b.path("clips"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range allClips() {
		source, delimiter := "h264_720p", []byte{0, 0, 0, 1, 9, 0x10}
		if strings.HasSuffix(name, ".hevc") {
			source, delimiter = "h265_720p", []byte{0, 0, 0, 1, 35 << 1, 1, 0x50}
		} else if name == "1080p.h264" {
			source = "h264_1080p"
		}
		c, err := testvideo.Load(source)
		if err != nil {
			t.Fatal(err)
		}
		var data []byte
		for _, u := range c.Units[:12] {
			data = append(append(data, delimiter...), u.Data...)
		}
		if err := os.WriteFile(b.path("clips", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// perform runs a part and decodes what it tells into r.
func perform(t *testing.T, b bundle, name string, r any) string {
	t.Helper()
	p, err := findPart(name)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "found.json")
	if err := runPart(t.Context(), p, b, file); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var f found
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	if f.Error != "" {
		t.Fatalf("%s: %s", name, f.Error)
	}
	strict := json.NewDecoder(bytes.NewReader(f.Result))
	strict.DisallowUnknownFields()
	if err := strict.Decode(r); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f.Text
}

// TestChecks: what is looked at before anything is measured.
func TestChecks(t *testing.T) {
	b := newBundle(t)
	var l libraries
	perform(t, b, "libraries", &l)
	if !l.Simulated || l.Path != b.libraryPath || !strings.HasPrefix(l.Machine.Path, b.libraryPath) || l.Files["libcuda.so.1"] == "" {
		t.Errorf("%+v", l)
	}
	var d deviceResult
	if text := perform(t, b, "device", &d); d.Engines != 7 || len(d.Codecs) < 10 || !strings.Contains(text, "HEVC   4:2:0 10 bit  7 engines") {
		t.Errorf("%+v\n%s", d, text)
	}
	var k kernelsResult
	perform(t, b, "kernels", &k)
	if len(k.Targets) != 2 || k.Targets[1].Target != "sm_60" {
		t.Errorf("%+v", k)
	}
	for _, target := range k.Targets {
		if target.Pictures != 36 || target.Bytes == 0 || target.WrongBytes != 0 {
			t.Errorf("%+v", target)
		}
	}
}

// TestRefusesMistakenDriver: numbers of the simulated driver never come as real ones.
func TestRefusesMistakenDriver(t *testing.T) {
	b := newBundle(t)
	b.simulated = false
	if _, err := checkDevice(t.Context(), b); err == nil || !strings.Contains(err.Error(), "simulated") {
		t.Errorf("got %v", err)
	}
}

func TestMemory(t *testing.T) {
	b := newBundle(t)
	var r memoryResult
	perform(t, b, "memory", &r)
	if r.Context == 0 || r.Kernels == 0 || len(r.JPEG) != 12 || len(r.Cameras) != 18 {
		t.Fatalf("%+v", r)
	}
	for i, c := range r.Cameras {
		if c.Decoder+c.Ring != c.Driver || c.Ring == 0 || c.Left != 0 {
			t.Errorf("%+v", c)
		}
		if c.ExtraSurfaces > 0 && c.Decoder <= r.Cameras[i-1].Decoder {
			t.Errorf("%+v takes no more than %+v", c, r.Cameras[i-1])
		}
	}
	var m marginalResult
	perform(t, b, "marginal", &m)
	if want := len(allClips()) * len(b.bounds().cameras); len(m.Rows) != want {
		t.Fatalf("%d rows, want %d", len(m.Rows), want)
	}
	for _, row := range m.Rows {
		if row.Driver != row.Books || row.Each*int64(row.Cameras) != row.Driver || row.Each == 0 {
			t.Errorf("%+v", row)
		}
	}
}

func TestRates(t *testing.T) {
	b := newBundle(t)
	var r throughputResult
	perform(t, b, "throughput", &r)
	if len(r.Rows) != 6 {
		t.Fatalf("%+v", r)
	}
	for _, row := range r.Rows {
		if row.FPS <= 0 || row.Slowest > row.Fastest || row.ProcessorPerFrame <= 0 {
			t.Errorf("%+v", row)
		}
	}
	var l latencyResult
	perform(t, b, "latency", &l)
	for _, row := range l.Rows {
		if row.Times.N != b.bounds().pictures || row.Times.Median <= 0 || row.Held != 0 {
			t.Errorf("%+v", row)
		}
	}
	var j rateResult
	perform(t, b, "jpeg/rate", &j)
	if len(j.Rows) != 14 || j.Rows[0].Rate <= 0 || j.Rows[1].InFlight != 4 || j.Rows[13].States != 4 {
		t.Errorf("%+v", j)
	}
}

func TestBatches(t *testing.T) {
	b := newBundle(t)
	var r batchResult
	text := perform(t, b, "batch", &r)
	if len(r.Rows) != len(b.bounds().batches)+2 || r.Side != 640 || !strings.Contains(text, "target for 16 as FLOAT32: 0.5 ms") {
		t.Fatalf("%+v\n%s", r, text)
	}
	for _, row := range r.Rows {
		if row.Times.N != b.bounds().pictures || row.Times.Median <= 0 {
			t.Errorf("%+v", row)
		}
	}
	for name, h := range map[string]handOff{
		"changed":     {Batches: 4, Codes: 4, Changed: 1},
		"no picture":  {Batches: 4, Codes: 3},
		"nothing bad": {Batches: 4, Codes: 4},
	} {
		if err := (&handOffResult{handOff: h}).verdict(); (err == nil) != (name == "nothing bad") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJPEGQuality: both encoders make about the same of the same pixels.
func TestJPEGQuality(t *testing.T) {
	var r jpegResult
	perform(t, newBundle(t), "jpeg", &r)
	if len(r.Rows) != 6 {
		t.Fatalf("%+v", r)
	}
	for _, row := range r.Rows {
		if d := row.GPU.PSNR - row.CPU.PSNR; row.GPU.PSNR < 30 || row.CPU.PSNR < 30 || d > 1 || d < -1 || row.GPU.Bytes == 0 {
			t.Errorf("%+v", row)
		}
	}
}

func TestLife(t *testing.T) {
	b := newBundle(t)
	var first lifetimeResult
	perform(t, b, "lifetime", &first)
	if len(first.Rows) != 6 || first.Rows[0].First.N != b.bounds().lifetimes {
		t.Errorf("%+v", first)
	}
	var change reconfigureResult
	perform(t, b, "reconfigure", &change)
	for _, row := range change.Rows {
		if row.Decoder != change.Rows[0].Decoder || row.Decoder == 0 {
			t.Errorf("%+v is another session than %+v", row, change.Rows[0])
		}
	}
	var limit limitResult
	perform(t, b, "limit", &limit)
	if limit.Opened != b.bounds().maximum || !limit.Recovers || limit.Refusal != "" {
		t.Errorf("%+v", limit)
	}
	var leak leakResult
	perform(t, b, "leak", &leak)
	if leak.Cycles != b.bounds().cycles || leak.Bytes != 0 || leak.Objects != 0 {
		t.Errorf("%+v", leak)
	}
}

// TestSessionLimit: a session that is refused is a number and no failure, and the
// others go on.
func TestSessionLimit(t *testing.T) {
	b := newBundle(t)
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	sim.Fail("cuvidCreateDecoder:4+:2")
	var r limitResult
	perform(t, b, "limit", &r)
	if r.Opened != 3 || !r.Recovers || !strings.Contains(r.Refusal, "OUT_OF_MEMORY") {
		t.Errorf("%+v", r)
	}
	sim.Fail("cuvidCreateDecoder:4+:2")
	var rates throughputResult
	perform(t, b, "throughput", &rates) // 1 and 2 sessions, 3 where 4 were wanted, none of the second clip
	if len(rates.Refusals) != 2 || len(rates.Rows) != 3 || rates.Rows[2].Sessions != 3 || rates.Rows[2].FPS <= 0 {
		t.Errorf("%+v", rates)
	}
}

// TestLabSeesWhatIsLeft: a live camera shows in what is used, and the device does not
// close over it.
func TestLabSeesWhatIsLeft(t *testing.T) {
	b := newBundle(t)
	l, err := openLab(b)
	if err != nil {
		t.Fatal(err)
	}
	before, err := l.used()
	if err != nil {
		t.Fatal(err)
	}
	clip, err := loadClip(b, "720p.h264")
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.camera("left", clip)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.play(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if after, err := l.used(); err != nil || after <= before {
		t.Errorf("%d bytes are used, then %d (%v)", before, after, err)
	}
	if err := l.device.Close(); err == nil {
		t.Error("the device closes over a live camera")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}

// TestLeakVerdict: what is left fails the part, one unit of memory aside.
func TestLeakVerdict(t *testing.T) {
	for _, r := range []leakResult{
		{Bytes: gpu.Granularity + 1}, {Books: 1}, {Books: -1}, {Objects: 1}, {Files: 1}, {Goroutines: 1},
	} {
		if r.verdict() == nil {
			t.Errorf("%+v passes", r)
		}
	}
	if err := (&leakResult{Bytes: gpu.Granularity, Threads: 3}).verdict(); err != nil {
		t.Error(err)
	}
}

// TestDifferences: every byte of the picture counts, and none beside it.
func TestDifferences(t *testing.T) {
	pool := frame.NewPool(0, nil)
	a, b := pool.Get(media.PixelI420, 33, 17), pool.Get(media.PixelI420, 33, 17)
	defer a.Release()
	defer b.Release()
	for _, f := range []*frame.Frame{a, b} {
		for _, p := range f.Planes {
			clear(p.Data)
		}
	}
	a.Planes[0].Data[32], a.Planes[2].Data[16] = 1, 255 // the last columns
	a.Planes[0].Data[33] = 1                            // padding
	if total, wrong := differences(a, b); total != 33*17+2*17*9 || wrong != 2 {
		t.Errorf("%d of %d bytes", wrong, total)
	}
}
