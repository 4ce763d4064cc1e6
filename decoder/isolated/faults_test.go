package isolated_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/isolated"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/internal/testvideo"
)

// TestPlacement: so many cameras to a child, and children go with their cameras but for
// one.
func TestPlacement(t *testing.T) {
	h := newHost(t, func(c *isolated.Config) { c.Cameras = 2 })
	var all []*camera
	for i := range 5 {
		all = append(all, newCamera(t, h, fmt.Sprint(i), "h264_crop").steps(3))
	}
	pids := make(map[int]int)
	for i := range all {
		pids[pidOf(t, h, fmt.Sprint(i))]++
	}
	if len(pids) != 3 || len(h.Status().Processes) != 3 {
		t.Errorf("cameras by child: %v", pids)
	}
	for _, m := range all {
		if err := m.d.Close(); err != nil {
			t.Error(err)
		}
	}
	waitFor(t, func() bool { return len(h.Status().Processes) == 1 })
}

// waitFor polls without a limit of its own: the test's is enough.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		<-tick.C
	}
}

// TestKill: when a child is killed at work, its cameras say so and go on at their next key
// frame in another one, frames that are held stay as they are, and the cameras of the
// other child miss nothing.
func TestKill(t *testing.T) {
	h := newHost(t, func(c *isolated.Config) { c.Cameras = 2 })
	a, b := newCamera(t, h, "a", "h264_720p"), newCamera(t, h, "b", "h265_720p")
	c, d := newCamera(t, h, "c", "h264_720p"), newCamera(t, h, "d", "h265_720p")
	victim := pidOf(t, h, "a")
	if other := pidOf(t, h, "c"); victim != pidOf(t, h, "b") || victim == other || other != pidOf(t, h, "d") {
		t.Fatalf("%+v", h.Status())
	}
	a.keep = true
	a.steps(5)
	a.keep = false
	before := pixels(a.kept[0])

	const rounds = 3
	var work sync.WaitGroup
	var killed sync.WaitGroup
	killed.Add(1)
	for _, m := range []*camera{a, b, c, d} {
		work.Go(func() {
			m.steps(20)
			if m == a {
				if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
				killed.Done()
			}
			killed.Wait()
			m.steps(rounds * len(m.clip.Units))
		})
	}
	work.Wait()
	for _, m := range []*camera{a, b} {
		if m.waiting || len(m.numbers) < 2*len(m.clip.Units) {
			t.Errorf("%s: %d frames, waiting: %v", m.id, len(m.numbers), m.waiting)
		}
		for _, err := range m.errs {
			if !strings.Contains(err.Error(), "decoder process 1") || !strings.Contains(err.Error(), "signal 9") {
				t.Errorf("%s: %v", m.id, err)
			}
		}
		if now := pidOf(t, h, m.id); now == victim {
			t.Errorf("%s is still in child %d", m.id, now)
		}
	}
	if len(a.errs)+len(b.errs) == 0 {
		t.Log("both were between two units when it was killed, and lost nothing")
	}
	for _, m := range []*camera{c, d} {
		if len(m.errs) != 0 {
			t.Errorf("%s: %v", m.id, m.errs)
		}
		if err := m.d.Drain(t.Context(), func(f *frame.Frame) error {
			_, n, err := testvideo.ReadBarcodeLuma(f.Planes[0].Data, f.Width, f.Height, f.Planes[0].Pitch)
			m.numbers = append(m.numbers, n)
			return err
		}); err != nil {
			t.Error(err)
		}
		for i, n := range m.numbers {
			if n != i%len(m.clip.Units) {
				t.Fatalf("%s: frame %d shows %d", m.id, i, n)
			}
		}
		if len(m.numbers) != m.next {
			t.Errorf("%s: %d frames of %d units", m.id, len(m.numbers), m.next)
		}
	}
	if !slices.Equal(pixels(a.kept[0]), before) {
		t.Error("a frame that was held has changed")
	}
	s := h.Status()
	if s.Restarts != 1 || s.Quarantined != 0 {
		t.Errorf("%+v", s)
	}
	for _, p := range s.Processes {
		if len(p.Cameras) < 2 {
			t.Errorf("killed from outside, so nobody is under suspicion: %+v", s)
		}
	}
}

func pixels(f *frame.Frame) []byte {
	var all []byte
	for _, p := range f.Planes {
		all = append(all, p.Data...)
	}
	return all
}

// TestSpare: a child that dies is replaced before anybody asks.
func TestSpare(t *testing.T) {
	h := newHost(t, nil)
	started := time.Now()
	newCamera(t, h, "a", "h264_crop").steps(1)
	waitFor(t, func() bool { return time.Since(started) > 1100*time.Millisecond }) // it was no still-birth
	if err := syscall.Kill(pidOf(t, h, "a"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		p := h.Status().Processes
		return len(p) == 1 && p[0].Number == 2 && p[0].PID != 0
	})
}

// TestKilledBetweenUnits: a child that dies while it has nothing to do costs no frame when
// the next unit is a key frame.
func TestKilledBetweenUnits(t *testing.T) {
	h := newHost(t, nil)
	m := newCamera(t, h, "a", "mjpeg_480p").steps(2)
	pid := pidOf(t, h, "a")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return h.Status().Restarts == 1 })
	m.steps(2)
	if len(m.numbers) != 4 || len(m.errs) != 0 {
		t.Errorf("%d frames, %v", len(m.numbers), m.errs)
	}
}

// TestQuarantine: a stream that ends three children is not decoded any more until it is
// forgiven, after the first one it harms nobody else, and others go on.
func TestQuarantine(t *testing.T) {
	h := newHost(t, nil)
	good, bad := newCamera(t, h, "good", "h264_crop").steps(5), newCamera(t, h, "bad", "h264_crop").steps(5)
	if pidOf(t, h, "good") != pidOf(t, h, "bad") {
		t.Fatal("they are not in one child")
	}
	for n, deed := range []string{"crash", "panic", "socket"} {
		err := bad.do(deed)
		if n < 2 && !errors.Is(err, decoder.ErrInterrupted) || n == 2 && !errors.Is(err, decoder.ErrUnsupported) {
			t.Fatalf("%s: %v", deed, err)
		}
		if n == 2 {
			for _, part := range []string{"quarantined", "3 decoder processes", "SIGSYS", "remove and add it"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
			break
		}
		good.steps(2 * len(good.clip.Units))
		if bad.steps(2 * len(bad.clip.Units)); bad.waiting {
			t.Fatalf("after %s: %v", deed, bad.errs)
		}
		if pidOf(t, h, "good") == pidOf(t, h, "bad") {
			t.Error("a stream under suspicion shares a child")
		}
	}
	if n := len(good.errs); n > 1 {
		t.Errorf("the good camera was interrupted %d times", n)
	}
	if s := h.Status(); s.Quarantined != 1 || s.Restarts != 3 {
		t.Errorf("%+v", s)
	}
	if _, err := h.NewDecoder(decoder.Config{Format: bad.format, Camera: "bad"}); !errors.Is(err, decoder.ErrUnsupported) {
		t.Errorf("another decoder: %v", err)
	}
	h.Forgive("bad")
	again := newCamera(t, h, "bad", "h264_crop").steps(5)
	if len(again.numbers) != 5 || pidOf(t, h, "good") != pidOf(t, h, "bad") {
		t.Errorf("forgiven: %d frames, %+v", len(again.numbers), h.Status())
	}
}

// TestHang: a child that does not answer is ended, whether it sleeps or works, and only
// the stream that it was at is to blame.
func TestHang(t *testing.T) {
	for _, deed := range []string{"hang", "busy"} {
		t.Run(deed, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, func(c *isolated.Config) { c.Patience = 4 * time.Second })
			m, other := newCamera(t, h, "a", "h264_crop").steps(3), newCamera(t, h, "b", "h264_crop").steps(3)
			err := m.do(deed)
			if !errors.Is(err, decoder.ErrInterrupted) || !strings.Contains(err.Error(), "did not answer for 4s") {
				t.Fatal(err)
			}
			m.steps(len(m.clip.Units) + 1)
			other.steps(2 * len(other.clip.Units))
			if m.waiting || other.waiting || pidOf(t, h, "a") == pidOf(t, h, "b") {
				t.Errorf("%v, %v, %+v", m.errs, other.errs, h.Status())
			}
		})
	}
}

// TestLiar: a child that does not keep to the protocol is ended.
func TestLiar(t *testing.T) {
	h := newHost(t, nil)
	m := newCamera(t, h, "a", "h264_crop").steps(3)
	if err := m.do("lie"); !errors.Is(err, decoder.ErrInterrupted) || !strings.Contains(err.Error(), "does not keep to the protocol") {
		t.Fatal(err)
	}
	if m.steps(len(m.clip.Units) + 1); m.waiting {
		t.Error(m.errs)
	}
	alone := func() bool {
		return slices.ContainsFunc(h.Status().Processes, func(p isolated.ProcessStatus) bool { return p.Alone })
	}
	if !alone() {
		t.Errorf("%+v", h.Status())
	}
	if err := m.d.Close(); err != nil {
		t.Error(err)
	}
	waitFor(t, func() bool { return !alone() })
}

// TestChatter: what a child says is logged within bounds and without control characters.
func TestChatter(t *testing.T) {
	var log lines
	h := newHost(t, func(c *isolated.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	m := newCamera(t, h, "a", "h264_crop")
	if err := m.do("chatter"); !errors.Is(err, decoder.ErrCorrupt) {
		t.Fatal(err)
	}
	if err := m.d.Close(); err != nil {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	text := log.String()
	if n := strings.Count(text, "decoder process says"); n == 0 || n > 5000 {
		t.Errorf("%d lines of 10000 are logged", n)
	}
	if strings.ContainsRune(text, '\x1b') || strings.Contains(text, `\x1b`) || !strings.Contains(text, "decoder process said more") {
		t.Errorf("the log is %.1000s", text)
	}
}

// lines is a log that several goroutines write.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestNoChild: what can't be started is an error that says what.
func TestNoChild(t *testing.T) {
	for _, command := range [][]string{{"/nowhere/frameport", isolated.Argument}, {"/bin/false"}} {
		h := newHost(t, func(c *isolated.Config) { c.Command = command })
		if err := h.Try(t.Context()); err == nil || !strings.Contains(err.Error(), "decoder process") {
			t.Errorf("%v: %v", command, err)
		}
	}
}

// TestNothingIsLeft: descriptors, memory and children after many decoders, with frames
// shared and not.
func TestNothingIsLeft(t *testing.T) {
	folder, err := shm.Open(filepath.Join(t.TempDir(), "s"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, nil)
	cycle := func(i int) {
		m := newCamera(t, h, fmt.Sprint(i), "h264_crop")
		m.steps(5)
		m.keep = i%2 == 0
		m.steps(3)
		if i%5 == 4 {
			if err := m.do("crash"); !errors.Is(err, decoder.ErrInterrupted) {
				t.Error(err)
			}
			m.steps(len(m.clip.Units))
		}
		if err := m.d.Close(); err != nil {
			t.Error(err)
		}
		for _, f := range m.kept {
			f.Release()
		}
		m.kept = nil
	}
	for i := range 5 {
		cycle(i)
	}
	before := count(t, "/proc/self/fd")
	for i := range 20 {
		cycle(i + 5)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if after := count(t, "/proc/self/fd"); after > before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
	if err := folder.Close(); err != nil {
		t.Error(err)
	}
	if text := children(t); text != "" {
		t.Errorf("children are left: %s", text)
	}
}

// crashes ends a camera's children one after another, and checks that each is replaced
// and that nothing is left of them. BenchmarkCrashes does it a hundred times.
func crashes(t testing.TB, h *isolated.Host, m *camera, n int) {
	t.Helper()
	var before [3]int
	for i := range n {
		if err := m.do("end exit 0"); !errors.Is(err, decoder.ErrInterrupted) {
			t.Fatalf("crash %d: %v", i, err)
		}
		h.Forgive(m.id)
		if m.steps(len(m.clip.Units) + 1); m.waiting {
			t.Fatalf("crash %d: %v", i, m.errs)
		}
		if i != min(5, n/2) {
			continue
		}
		before = left(t)
	}
	// The last one's goroutines may be about to end.
	waitFor(t, func() bool {
		now := left(t)
		return now[0] <= before[0] && now[1] <= before[1] && now[2] <= before[2]
	})
	if s := h.Status(); s.Restarts != uint64(n) || s.Quarantined != 0 || len(s.Processes) > 2 {
		t.Errorf("%+v", s)
	}
}

// left are the descriptors, goroutines and children there are, dead ones too.
func left(t testing.TB) [3]int {
	t.Helper()
	return [3]int{count(t, "/proc/self/fd"), runtime.NumGoroutine(), len(strings.Fields(children(t)))}
}

// TestCrashesLeaveNothing: neither descriptors nor goroutines nor dead children.
func TestCrashesLeaveNothing(t *testing.T) {
	h := newHost(t, nil)
	crashes(t, h, newCamera(t, h, "a", "h264_crop").steps(3), 20)
}

func count(t testing.TB, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// children are the processes that this one has started and that are still there.
func children(t testing.TB) string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var all string
	for _, name := range tasks {
		if b, err := os.ReadFile(name); err == nil {
			all += string(b)
		}
	}
	return strings.TrimSpace(all)
}
