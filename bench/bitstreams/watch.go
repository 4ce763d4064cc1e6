package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tried adds up what all children did.
type tried struct {
	mu     sync.Mutex
	report report
}

// lane plays every lanes-th case from from+i on, with as many children as that takes.
func (t *tried) lane(ctx context.Context, seed uint64, from, i, lanes, count int) error {
	for next := from + i; next < from+count; {
		c, err := t.child(ctx, []string{
			"-child", strconv.Itoa(next), "-seed", strconv.FormatUint(seed, 10),
			"-from", strconv.Itoa(from), "-count", strconv.Itoa(count), "-parallel", strconv.Itoa(lanes),
		})
		if err != nil {
			return err
		}
		if c.finished {
			return nil
		}
		if !c.inside {
			return fmt.Errorf("a child ended outside of a case: %v: %s", c.state, c.said)
		}
		t.mu.Lock()
		what := "crash"
		if c.hung {
			what = "hang"
			t.report.Hangs++
		} else {
			t.report.Crashes++
		}
		t.report.Cases++
		t.mu.Unlock()
		fmt.Printf("%s in case %d (-seed %d -from %d -count 1): %v: %s\n", what, c.number, seed, c.number, c.state, c.said)
		next = c.number + lanes
	}
	return nil
}

// life is how a child ended.
type life struct {
	number   int  // of the case it was in
	inside   bool // of a case
	hung     bool
	finished bool // it has played all
	state    *os.ProcessState
	said     string
}

// child runs a child until it ends or hangs.
func (t *tried) child(ctx context.Context, args []string) (life, error) {
	self, err := os.Executable()
	if err != nil {
		return life{}, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said := &strings.Builder{}
	cmd.Stderr = &capped{to: said}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return life{}, err
	}
	if err := cmd.Start(); err != nil {
		return life{}, err
	}
	w := &watch{pid: cmd.Process.Pid}
	ended := make(chan struct{})
	var guard sync.WaitGroup
	guard.Go(func() { w.guard(ended, cmd.Process.Kill) })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		t.line(w, lines.Text())
	}
	err = cmd.Wait()
	close(ended)
	guard.Wait()
	if ctx.Err() != nil {
		return life{}, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Slowest = max(t.report.Slowest, w.slowest.Seconds())
	if use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		t.report.Memory = max(t.report.Memory, float64(use.Maxrss)*1024/1e6)
	}
	return life{number: w.number, inside: w.inside, hung: w.hung, finished: err == nil, state: cmd.ProcessState, said: said.String()}, nil
}

// line takes what a child says.
func (t *tried) line(w *watch, text string) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return
	}
	n, _ := strconv.Atoi(words[1]) // our own child wrote it
	if words[0] == "begin" {
		w.begin(n)
		return
	}
	w.end()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Cases++
	switch {
	case words[0] == "end" && len(words) == 5:
		for i, to := range []*int{&t.report.Frames, &t.report.Pictures, &t.report.Refused} {
			v, _ := strconv.Atoi(words[2+i])
			*to += v
		}
	default:
		t.report.Broken++
		fmt.Println(text)
	}
}

// watch looks after the time that a child takes for a case.
type watch struct {
	pid int

	mu      sync.Mutex
	number  int
	inside  bool
	hung    bool
	since   time.Time
	used    time.Duration // of processor time when the case began
	slowest time.Duration
}

func (w *watch) begin(n int) {
	used := cpuTime(w.pid)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number, w.inside, w.since, w.used = n, true, time.Now(), used
}

func (w *watch) end() {
	used := cpuTime(w.pid)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside = false
	w.slowest = max(w.slowest, used-w.used)
}

// guard ends the child when one case takes too long.
func (w *watch) guard(ended <-chan struct{}, kill func() error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ended:
			return
		}
		used := cpuTime(w.pid)
		w.mu.Lock()
		hung := w.inside && (used-w.used > busyLimit || time.Since(w.since) > stillLimit)
		w.hung = w.hung || hung
		w.mu.Unlock()
		if hung {
			_ = kill() // it may have ended by itself
			return
		}
	}
}

// cpuTime is what a process used up to now, 0 when it is gone.
func cpuTime(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11]) // the kernel wrote it
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// capped keeps the beginning of what is written: of a crash it says most.
type capped struct{ to *strings.Builder }

func (c *capped) Write(p []byte) (int, error) {
	if room := 2000 - c.to.Len(); room > 0 {
		c.to.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
