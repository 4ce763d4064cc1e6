//go:build peers

package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for another process.
const patience = time.Minute

// process is a peer's server program. Both its outputs are one list of lines.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	stop func() // kills the group and waits; may be called more than once

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed at the next line
	ended bool
}

// startProcess runs a program in a process group of its own until the test ends.
// Its standard input stays open for as long as it should live.
func startProcess(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, name: cmd.Path, cmd: cmd, more: make(chan struct{})}
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.WaitDelay = 5 * time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s does not start: %v; run make deps-peers", cmd.Path, err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.read(read) })
	var exited error
	reading.Go(func() {
		exited = cmd.Wait() // closes stdin
		_ = write.Close()   // never fails
	})
	p.stop = sync.OnceFunc(func() {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		reading.Wait()
		_ = stdin.Close() // Wait has closed it
		if err != nil {
			t.Errorf("%s had ended before its test: %v\n%s", cmd.Path, exited, p.text())
		}
	})
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, p.text())
		}
	})
	return p
}

func (p *process) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r) // a line longer than the buffer must not block the program
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	close(p.more)
	p.more = make(chan struct{})
}

// text is the end of what the program has said.
func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines[max(0, len(p.lines)-60):], "\n")
}

// mark is a position in what a program says: here.
func (p *process) mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// await waits for a line after from that holds all the texts, and returns it.
func (p *process) await(from int, texts ...string) string {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		p.mu.Lock()
		lines, more, ended := p.lines[from:], p.more, p.ended
		p.mu.Unlock()
		for _, line := range lines {
			if containsAll(line, texts) {
				return line
			}
		}
		if ended {
			p.t.Fatalf("%s ended without saying %q", p.name, texts)
		}
		select {
		case <-more:
		case <-deadline.C:
			p.t.Fatalf("%s has not said %q in %v", p.name, texts, patience)
		}
	}
}

func containsAll(line string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(line, text) {
			return false
		}
	}
	return true
}

// freePort returns a TCP port that nobody listens on. Another program may take it
// first; the peer's log then says so.
func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, ok := ln.Addr().(*net.TCPAddr)
	if err := ln.Close(); err != nil || !ok {
		t.Fatalf("%v: %v", ln.Addr(), err)
	}
	return addr.Port
}

// awaitListening waits until something takes connections at a port.
func (p *process) awaitListening(port int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			err = conn.Close()
		}
		if err == nil {
			return
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			p.t.Fatalf("%s: %v", p.name, err)
		}
		p.mu.Lock()
		ended := p.ended
		p.mu.Unlock()
		if ended {
			p.t.Fatalf("%s ended without listening on port %d", p.name, port)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("%s does not listen on port %d", p.name, port)
		}
	}
}
