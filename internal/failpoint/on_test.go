//go:build failpoint

package failpoint_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/internal/failpoint"
)

// Once, several times, until it is disarmed; for one camera or for all.
func TestArm(t *testing.T) {
	hits := func(target string, tries int) (n int) {
		for range tries {
			if failpoint.QueueFull.Hit(target) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		target string
		times  int
		a, b   int // of ten tries each
	}{{"a", 1, 1, 0}, {"a", 3, 3, 0}, {"a", 0, 10, 0}, {"", 0, 10, 10}, {"b", 2, 0, 2}} {
		armed := failpoint.Arm(failpoint.QueueFull, c.target, c.times)
		if a, b := hits("a", 10), hits("b", 10); a != c.a || b != c.b || armed.Hits() != a+b {
			t.Errorf("for %q, %d times: %d and %d hits, want %d and %d; it counts %d", c.target, c.times, a, b, c.a, c.b, armed.Hits())
		}
		armed.Disarm()
		armed.Disarm()
		if n := hits("a", 10) + hits("b", 10); n != 0 {
			t.Errorf("%d hits when it is disarmed", n)
		}
	}
	defer failpoint.Arm(failpoint.DiskFull, "", 0).Disarm()
	if hits("a", 1) != 0 {
		t.Error("another point was hit")
	}
}

// What hangs goes on when it is disarmed, or when it need not wait any more.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang, block := failpoint.Arm(failpoint.DecodeHang, "a", 0), failpoint.Arm(failpoint.SendBlocks, "m", 0)
		defer block.Disarm()
		returned := make(chan string, 3)
		done := make(chan struct{})
		go func() { _ = failpoint.Decoding("a", nil); returned <- "decoder" }()
		go func() { failpoint.SendBlocks.Wait(done, "m"); returned <- "sender" }()
		synctest.Wait()
		if len(returned) != 0 {
			t.Errorf("%s did not hang", <-returned)
		}
		hang.Disarm()
		if r := <-returned; r != "decoder" {
			t.Errorf("%s went on", r)
		}
		close(done)
		if r := <-returned; r != "sender" {
			t.Errorf("%s went on", r)
		}
	})
}

func TestDecoding(t *testing.T) {
	unit := []byte{0, 0, 0, 1, 0x65}
	if err := failpoint.Decoding("a", unit); err != nil {
		t.Error(err)
	}
	for _, p := range []failpoint.Point{failpoint.DecodeError, failpoint.FrameMemory} {
		armed := failpoint.Arm(p, "a", 2)
		if err := failpoint.Decoding("a", unit); err == nil {
			t.Errorf("%v did not fail", p)
		}
		// The second time in another process, where nothing is armed.
		carried := failpoint.Carry("a", unit)
		if err := failpoint.Decoding("b", carried); err == nil {
			t.Errorf("%v did not fail where it was carried to", p)
		}
		if got := failpoint.Carry("a", unit); !bytes.Equal(got, unit) {
			t.Errorf("%v: %q is carried when nothing is armed", p, got)
		}
		armed.Disarm()
	}
}

// A crash is a SIGSEGV that nothing recovers from.
func TestCrash(t *testing.T) {
	if os.Getenv("FRAMEPORT_TEST_CRASH") != "" {
		defer func() { _ = recover() }()
		defer failpoint.Arm(failpoint.DecodeCrash, "", 0).Disarm()
		_ = failpoint.Decoding("a", nil)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$")
	cmd.Env = append(cmd.Environ(), "FRAMEPORT_TEST_CRASH=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("SIGSEGV")) {
		t.Errorf("it ended with %v and said\n%s", err, out)
	}
}

// The clock of the wall steps, that of timers goes on.
func TestClock(t *testing.T) {
	start := time.Now()
	for _, step := range []time.Duration{time.Hour, -time.Hour, 30 * 24 * time.Hour} {
		undo := failpoint.StepClock(step)
		before, stepped, after := time.Now(), failpoint.Now(), time.Now()
		undo()
		if d := stepped.Sub(start); d < before.Sub(start) || d > after.Sub(start) {
			t.Errorf("a step of %v shows in the monotonic clock: %v, between %v and %v", step, d, before.Sub(start), after.Sub(start))
		}
		if wall := stepped.Round(0).Add(-step); wall.Before(before.Round(0)) || wall.After(after.Round(0)) {
			t.Errorf("a step of %v: the time of day is %v, between %v and %v", step, stepped, before, after)
		}
		if stepped.Nanosecond() == 0 && before.Nanosecond() != 0 {
			t.Errorf("the parts of a second are gone: %v", stepped)
		}
	}
	undo := failpoint.SetClock(time.Unix(0, 0))
	now := failpoint.Now()
	undo()
	if now.UTC().Year() != 1970 || now.Sub(start) < 0 || now.Sub(start) > time.Since(start) {
		t.Errorf("%v, %v after the start", now, now.Sub(start))
	}
	if d := time.Since(failpoint.Now()); d < 0 || failpoint.Now().Round(0).Sub(time.Now().Round(0)).Abs() > time.Hour/2 {
		t.Errorf("the step was not undone: %v", failpoint.Now())
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv(failpoint.Variable, " shared-memory:2, send-blocks@m/1h ,clock:-1h/1h")
	if err := failpoint.FromEnvironment(); err != nil {
		t.Fatal(err)
	}
	if !failpoint.SharedMemory.Hit("") || !failpoint.SharedMemory.Hit("x") || failpoint.SharedMemory.Hit("") {
		t.Error("shared-memory:2 is not armed twice")
	}
	if failpoint.SendBlocks.Hit("m") {
		t.Error("send-blocks is armed an hour early")
	}
	if n := failpoint.Notice(); !strings.Contains(n, "for tests only") || !strings.Contains(n, "shared-memory:2") {
		t.Errorf("%q", n)
	}
	for _, wrong := range []string{"nothing", "decode-error:often", "decode-error:0", "disk-full/soon", "clock", "clock:1.5s", "clock:0s", "clock:69", "disk-full,x"} {
		t.Setenv(failpoint.Variable, wrong)
		if err := failpoint.FromEnvironment(); err == nil {
			t.Errorf("%q was accepted", wrong)
		}
	}
	if failpoint.DiskFull.Hit("") {
		t.Error("half of a wrong variable was armed")
	}
}
