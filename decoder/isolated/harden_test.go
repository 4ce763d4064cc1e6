package isolated_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/frameport/frameport/decoder"
)

// TestRefusals: what a child must not do fails, and what nobody does by accident ends it.
func TestRefusals(t *testing.T) {
	t.Setenv("FRAMEPORT_TEST_SECRET", "hunter2")
	h := newHost(t, nil)
	m := newCamera(t, h, "a", "h264_crop").steps(5)
	for deed, want := range map[string]string{
		"open /etc/passwd":                    "operation not permitted",
		"open /proc/self/maps":                "operation not permitted",
		"create /tmp/frameport-isolated-test": "operation not permitted",
		"stat /":                              "operation not permitted",
		"owner":                               "operation not permitted",
		"setsig":                              "operation not permitted",
		"environment":                         "[]",
		"remove-memory":                       "operation not permitted",
		"runtime":                             "<nil>",
	} {
		err := m.do(deed)
		if !errors.Is(err, decoder.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", deed, err, want)
		}
	}
	if m.steps(2*len(m.clip.Units) + 1); m.waiting || len(m.errs) != 0 {
		t.Errorf("after all that it does not decode: %v", m.errs)
	}
	for i, deed := range []string{
		"socket", "execute", "fork", "signal", "code", "privileges", "shared-memory", "growing-memory",
		"end kill 9", "end tkill 9", "end tgkill 9", "end tgkill 15", "end tgkill 19", "end sigqueue 9", "end tgsigqueue 9",
	} {
		m := newCamera(t, h, fmt.Sprint(i), "h264_crop")
		err := m.do(deed)
		if !errors.Is(err, decoder.ErrInterrupted) || !strings.Contains(err.Error(), "SIGSYS") {
			t.Errorf("%s: %v", deed, err)
		}
	}
}

// TestSeenFromOutside: what the system says of a child.
func TestSeenFromOutside(t *testing.T) {
	leak, err := os.Open("/dev/null") // as a library does that forgets O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, leak.Fd(), syscall.F_SETFD, 0); errno != 0 {
		t.Fatal(errno)
	}
	h := newHost(t, nil)
	newCamera(t, h, "a", "h264_crop").steps(5)
	pid := pidOf(t, h, "a")
	if ours, its := outOfMemoryScore(t, os.Getpid()), outOfMemoryScore(t, pid); its <= ours && its < 1000 {
		t.Errorf("when memory runs out it goes at %d, and the worker at %d", its, ours)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("no %q", want)
		}
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(string(line), "\x00", " "); got != "frameport decoder-process " {
		t.Errorf("command line %q", got)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint64{
		"Max core file size": 0, "Max file size": 0, "Max open files": 16 + 16*16,
		"Max data size": (512 + 16*384) << 20, "Max address space": (8 + 16*4) << 30,
	} {
		_, rest, _ := strings.Cut(string(limits), name)
		var soft, hard uint64
		if _, err := fmt.Sscan(rest, &soft, &hard); err != nil || soft > want || hard > want {
			t.Errorf("%s: %d, %d, %v; want %d at most", name, soft, hard, err, want)
		}
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks { // the filter is on every thread
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, task.Name())); err == nil && !strings.Contains(string(status), "Seccomp:\t2\n") {
			t.Errorf("thread %s is free", task.Name())
		}
	}
	if os.Geteuid() != 0 {
		return // nobody else may look at the rest
	}
	if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err != nil || dir != "/" {
		t.Errorf("its folder is %q, %v", dir, err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, f.Name()))
		if err != nil {
			continue
		}
		known := false
		for _, kind := range []string{"pipe:", "socket:", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/memfd:frameport-pictures"} {
			known = known || strings.HasPrefix(to, kind)
		}
		if !known {
			t.Errorf("descriptor %s is %s", f.Name(), to)
		}
	}
}

// outOfMemoryScore is what the system adds to a process when it chooses one.
func outOfMemoryScore(t *testing.T, pid int) (score int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &score); err != nil {
		t.Fatal(err)
	}
	return score
}

// TestWorkerIsKilled: children end with the worker, also when it has no time to say so.
func TestWorkerIsKilled(t *testing.T) {
	if os.Getenv("FRAMEPORT_TEST_WORKER") != "" {
		h := newHost(t, nil)
		newCamera(t, h, "a", "h264_crop").steps(5)
		newCamera(t, h, "b", "h264_crop")
		_, _ = fmt.Printf("child %d\n", pidOf(t, h, "a"))
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	worker := exec.Command(os.Args[0], "-test.run=^TestWorkerIsKilled$", "-test.count=1")
	worker.Env = append(os.Environ(), "FRAMEPORT_TEST_WORKER=1")
	stdin, err := worker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "child %d", &pid)
	}
	if pid == 0 {
		t.Fatal("the worker has no child")
	}
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait()
	waitFor(t, func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		return err != nil || strings.Contains(string(status), "State:\tZ") // nobody may have waited for it
	})
}
