package backend_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu/gpusim"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// childVariable names the test that a process is there for.
const childVariable = "FRAMEPORT_TEST_CHILD"

// leakStatus is how the simulator ends a process in which something is left.
const leakStatus = 97

// inChild runs the rest of the calling test in a process of its own, whose simulated
// driver has these settings ("DEVICES=2"): the driver reads them when it is loaded. It is
// true in that process. In this one it is false when the other has ended; it must have
// succeeded, and have left nothing in the driver and no rule of it broken.
func inChild(t *testing.T, settings ...string) bool {
	t.Helper()
	return runChild(t, false, settings)
}

// inLostChild is inChild for a test that breaks a GPU's context: what lived in it can't
// be given back.
func inLostChild(t *testing.T, settings ...string) bool {
	t.Helper()
	return runChild(t, true, settings)
}

func runChild(t *testing.T, lost bool, settings []string) bool {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		return true
	}
	gputest.Open(t).NeedsSimulator()
	report := filepath.Join(t.TempDir(), "report")
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run="+pattern)
	cmd.Env = append(os.Environ(), childVariable+"="+t.Name(), gputest.PathVariable+"="+gputest.LibraryPath(t), gpusim.ReportVariable+"="+report,
		"GORACE=atexit_sleep_ms=0")
	for _, s := range settings {
		cmd.Env = append(cmd.Env, "FRAMEPORT_GPUSIM_"+s)
	}
	out, err := cmd.CombinedOutput()
	if lost && cmd.ProcessState.ExitCode() == leakStatus {
		err = nil // with the race detector the driver's own exit handler runs
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%q: %v\n%s", settings, err, out)
		return false
	}
	if _, err := os.Stat(report); os.IsNotExist(err) {
		return false // it found no driver to load
	}
	left, err := gpusim.ReadReport(report)
	if err != nil {
		t.Error(err)
	}
	for kind, n := range left {
		if n != 0 && (!lost || kind == "violation") {
			t.Errorf("%q: the driver still has %d %s\n%s", settings, n, kind, out)
		}
	}
	return false
}

// rig is a backend under test with its account. At the end of the test both must be empty.
type rig struct {
	*backend.Backend
	t       *testing.T
	account *frame.Account
}

func open(t *testing.T, cfg backend.Config) *rig {
	t.Helper()
	r := &rig{t: t, account: &frame.Account{}}
	cfg.LibraryPath, cfg.Account = gputest.LibraryPath(t), r.account
	var err error
	if r.Backend, err = backend.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if r.account.Frames() != 0 || r.account.Bytes() != 0 || r.account.DeviceBytes() != 0 {
			t.Errorf("%d frames, %d bytes and %d bytes of device memory left", r.account.Frames(), r.account.Bytes(), r.account.DeviceBytes())
		}
	})
	return r
}

// openCUDA opens the backend with the simulator's controls.
func openCUDA(t *testing.T, cfg backend.Config) (*gputest.Sim, *rig) {
	t.Helper()
	sim := gputest.Open(t)
	cfg.Kind = config.BackendCUDA
	return sim, open(t, cfg)
}

// clip loads a clip and makes the request of a camera that shows it.
func (r *rig) clip(id, name string) (*testvideo.Clip, camera.DecoderRequest) {
	r.t.Helper()
	c, err := testvideo.Load(name)
	if err != nil {
		r.t.Fatal(err)
	}
	f := media.Format{Codec: c.Codec, Width: c.Width, Height: c.Height, NoReorder: len(c.Display) == 0}
	for _, nal := range [][]byte{c.VPS, c.SPS, c.PPS} {
		if len(nal) > 0 {
			f.Parameters = append(append(f.Parameters, 0, 0, 0, 1), nal...)
		}
	}
	return c, camera.DecoderRequest{
		Config: decoder.Config{Format: f, Camera: id, Account: r.account},
		Chosen: func(camera.BackendInfo) {},
	}
}

// decoder makes a decoder that is closed at the end of the test, and tells what it is.
func (r *rig) decoder(q camera.DecoderRequest) (d decoder.Decoder, chosen *[]camera.BackendInfo) {
	r.t.Helper()
	chosen = &[]camera.BackendInfo{}
	q.Chosen = func(i camera.BackendInfo) { *chosen = append(*chosen, i) }
	d, err := r.NewDecoder(q)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			r.t.Error(err)
		}
	})
	if len(*chosen) != 1 {
		r.t.Fatalf("chosen was told %v", *chosen)
	}
	return d, chosen
}

// device is the GPU that a camera's decoder is made on.
func (r *rig) device(q camera.DecoderRequest) string {
	r.t.Helper()
	d, chosen := r.decoder(q)
	if err := d.Close(); err != nil {
		r.t.Error(err)
	}
	return (*chosen)[0].Device
}

func (r *rig) admit(id string, spec config.Camera) (release func()) {
	r.t.Helper()
	release, err := r.Admit(id, spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return release
}

// promised is what cameras are promised on a GPU and have not taken.
func (r *rig) promised(i int) int64 { return r.Devices()[i].Promised }

func unit(c *testvideo.Clip, i int) *media.AccessUnit {
	u := &c.Units[i]
	return &media.AccessUnit{Data: u.Data, RandomAccess: u.Key || u.Recovery, Times: media.Times{PTS: u.PTS}}
}

// first decodes until there is a frame. The caller releases it.
func first(t *testing.T, d decoder.Decoder, c *testvideo.Clip) (got *frame.Frame) {
	t.Helper()
	keep := func(f *frame.Frame) error {
		if got == nil {
			got = f.Retain()
		}
		return nil
	}
	for i := 0; i < len(c.Units) && got == nil; i++ {
		if err := d.Decode(t.Context(), unit(c, i), keep); err != nil {
			t.Fatalf("%s: unit %d: %v", c.Name, i, err)
		}
	}
	if got == nil {
		if err := d.Drain(t.Context(), keep); err != nil || got == nil {
			t.Fatalf("%s: no frame: %v", c.Name, err)
		}
	}
	return got
}

// count decodes n units and counts the frames.
func count(ctx context.Context, d decoder.Decoder, c *testvideo.Clip, n int) (frames int, err error) {
	for i := range n {
		if err := d.Decode(ctx, unit(c, i), func(*frame.Frame) error { frames++; return nil }); err != nil {
			return frames, fmt.Errorf("unit %d: %w", i, err)
		}
	}
	return frames, nil
}
