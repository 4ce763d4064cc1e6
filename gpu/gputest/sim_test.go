package gputest_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/dl"
)

func TestOpen(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	device := sim.Device(gpu.DeviceConfig{})
	if sim.Live("context") != 1 || sim.Live("no such kind") != -1 {
		t.Errorf("%d contexts", sim.Live("context"))
	}
	sim.Fail("cuStreamCreate:2:2")
	first, err := device.NewStream(gpu.Use{Purpose: gpu.PurposeOther})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := device.NewStream(gpu.Use{Purpose: gpu.PurposeOther}); err == nil {
		t.Error("the second stream was made")
	}
	if n := sim.Calls("cuStreamCreate"); n != 2 {
		t.Errorf("%d calls", n)
	}
	if sim.Live("stream") != 1 {
		t.Errorf("%d streams", sim.Live("stream"))
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}

// TestWithoutVideo: the driver of a folder without its video decoder. In a process of
// its own, where nobody has opened that library before.
func TestWithoutVideo(t *testing.T) {
	const role = "FRAMEPORT_TEST_WITHOUT"
	if path, set := os.LookupEnv(role); set {
		if _, err := dl.Open([]string{"libnvcuvid.so.1"}, nil); err == nil {
			t.Skip("this machine has a video decoder of its own")
		}
		driver, err := gpu.Open(gpu.LibraryConfig{Path: path})
		if err == nil {
			driver.Close()
		}
		if !errors.Is(err, gpu.ErrUnsupported) || !strings.Contains(err.Error(), "libnvcuvid.so.1") || !strings.Contains(err.Error(), "compute,video,utility") {
			t.Fatalf("the driver opened with %v", err)
		}
		return
	}
	gputest.Open(t).NeedsSimulator()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWithoutVideo$", "-test.v")
	cmd.Env = append(os.Environ(), role+"="+gputest.LibraryPathWithout(t, "libnvcuvid.so.1"))
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP: TestWithoutVideo") {
		t.Skip("this machine has a video decoder of its own")
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestWithoutVideo") {
		t.Errorf("%v:\n%s", err, out)
	}
}
