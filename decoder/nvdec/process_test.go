package nvdec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/kernels"
)

// roleVariable makes this test binary another process: what a broken context, or a
// device of another size, does to a process is tested in one of its own.
const roleVariable = "FRAMEPORT_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := map[string]func() error{"sticky": playSticky, "crowd": playCrowd, "reader": playReader}[role](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child plays a role in a process of its own, with settings of the simulator.
func child(t *testing.T, role string, settings ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, gputest.PathVariable+"="+gputest.LibraryPath(t))
	cmd.Env = append(cmd.Env, "GOMAXPROCS=4")
	for _, s := range settings {
		cmd.Env = append(cmd.Env, "FRAMEPORT_GPUSIM_"+s)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %q: %v\n%s", role, settings, err, out)
	}
}

// TestSticky: an error that breaks the context reaches the device's health from
// wherever it shows, is no fault of the unit, and the decoder can still be closed.
func TestSticky(t *testing.T) {
	gputest.Open(t).NeedsSimulator()
	for _, fault := range []string{
		"cuvidDecodePicture:3:719", "cuvidMapVideoFrame64:3:700", "cuvidParseVideoData:4:214",
		"cuMemAlloc:1:700", "cuvidCreateDecoder:1:702", "cuvidReconfigureDecoder:1:719", "cuStreamSynchronize:1:700",
		"cuvidDestroyDecoder:1:700",
	} {
		child(t, "sticky", "FAIL="+fault)
	}
}

// playSticky has one decoder come across everything that a camera does.
func playSticky() error {
	device, done, err := openDevice()
	if err != nil {
		return err
	}
	defer done()
	c, cfg, err := loadClip("h265_main10")
	if err != nil {
		return err
	}
	set, err := kernels.Load(device)
	if err != nil {
		return err
	}
	d, err := nvdec.New(cfg, nvdec.Options{Device: device, Kernels: set})
	if err != nil {
		return err
	}
	for i := 0; err == nil && i < 2*len(c.Units); i++ {
		if i == len(c.Units) { // from its key picture on again, smaller
			d.SetOutput(decoder.Output{MaxWidth: 160})
		}
		err = d.Decode(context.Background(), unit(c, i%len(c.Units)), ignore)
	}
	// What has not shown yet shows when it ends.
	err = errors.Join(err, d.Close())
	if !errors.Is(err, gpu.ErrDeviceLost) || errors.Is(err, decoder.ErrCorrupt) {
		return fmt.Errorf("%w: is not the device's loss, or is blamed on a unit", err)
	}
	if device.Health() == nil {
		return fmt.Errorf("the device's health does not know of: %w", err)
	}
	return nil
}

// openDevice opens the first device without a test around it.
func openDevice() (*gpu.Device, func() error, error) {
	driver, err := gpu.Open(gpu.LibraryConfig{Path: os.Getenv(gputest.PathVariable)})
	if err != nil {
		return nil, nil, err
	}
	device, err := driver.OpenDevice("", gpu.DeviceConfig{})
	if err != nil {
		return nil, nil, err
	}
	return device, func() error { return errors.Join(device.Close(), driver.Close()) }, nil
}

const (
	crowd = 1000 // cameras
	// mostThreads is more than the gate's 28 places, the simulator's 8 workers and
	// Go's own need, and less than any one call outside of the gate brings about.
	mostThreads = 100
)

// TestCrowd: a thousand cameras on a slow device need few threads, because whoever
// may block in the driver passes the gate; all of them get their pictures, and all
// can end at once.
func TestCrowd(t *testing.T) {
	gputest.Open(t).NeedsSimulator()
	child(t, "crowd", fmt.Sprintf("MEMORY=%d", int64(64)<<30),
		"BLOCK=cuvidMapVideoFrame64:0:20,cuStreamSynchronize:0:10,cuEventDestroy:0:2,cuvidParseVideoData:0:5")
}

func playCrowd() error {
	device, done, err := openDevice()
	if err != nil {
		return err
	}
	c, cfg, err := loadClip("color_red")
	if err != nil {
		return err
	}
	cfg.Output.MaxWidth = 64
	const pictures = 3
	type camera struct {
		decoder *nvdec.Decoder
		got     int
		last    *frame.Frame
	}
	cameras := make([]camera, crowd)
	decode := func(k *camera, n int) error {
		err := k.decoder.Decode(context.Background(), unit(c, n), func(f *frame.Frame) error {
			if k.last != nil {
				k.last.Release()
			}
			k.last = f.Retain()
			k.got++
			return nil
		})
		if err == nil && k.got != n+1 {
			err = fmt.Errorf("%d pictures of %d", k.got, n+1)
		}
		return err
	}
	// Each step is taken by all of them at once.
	steps := []struct {
		name string
		run  func(i int, k *camera) error
	}{
		{"begin", func(i int, k *camera) (err error) {
			cfg := cfg
			cfg.Camera = fmt.Sprintf("camera%d", i)
			if k.decoder, err = nvdec.New(cfg, nvdec.Options{Device: device}); err != nil {
				return err
			}
			return decode(k, 0)
		}},
		{"decode", func(_ int, k *camera) (err error) {
			for n := 1; n < pictures && err == nil; n++ {
				err = decode(k, n)
			}
			return err
		}},
		{"drain", func(_ int, k *camera) error { return k.decoder.Drain(context.Background(), ignore) }},
		{"close", func(_ int, k *camera) error { return k.decoder.Close() }},
		{"release", func(_ int, k *camera) error { k.last.Release(); return nil }},
	}
	for _, step := range steps {
		errs := make([]error, crowd)
		var all sync.WaitGroup
		for i := range cameras {
			all.Go(func() { errs[i] = step.run(i, &cameras[i]) })
		}
		all.Wait()
		errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
		if len(errs) > 0 {
			return fmt.Errorf("%s: %d cameras failed, the first: %w", step.name, len(errs), errs[0])
		}
		n, err := threads() // Go keeps the threads it once needed
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d threads\n", step.name, n)
		if n >= mostThreads {
			return fmt.Errorf("%s: %d threads for %d cameras, want less than %d", step.name, n, crowd, mostThreads)
		}
	}
	if s := device.Gate().Stats(); s.InUse != 0 || s.Waiting != 0 {
		return fmt.Errorf("somebody is still at the gate: %+v", s)
	}
	return done()
}

// threads counts those of this process.
func threads() (int, error) {
	list, err := os.ReadDir("/proc/self/task")
	return len(list), err
}

// openFiles counts those of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(slices.DeleteFunc(list, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }))
}
