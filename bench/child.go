package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is a process that this program started and ends. Stop may be called at
// any time and more than once.
type child struct {
	name   string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	tail   *tail         // the end of what it printed
	stdin  io.Writer     // of children of our own, which end when it closes
}

// startChild runs a program. It ends with stop or with ctx. line, unless nil, is
// given each line it prints to standard output, on one goroutine.
func startChild(ctx context.Context, name string, env []string, line func(string), program string, args ...string) (*child, error) {
	return startChildTo(ctx, name, env, line, nil, program, args...)
}

// startChildTo is startChild with a writer that gets all that the tail gets, unless nil. It
// is used by one goroutine.
func startChildTo(ctx context.Context, name string, env []string, line func(string), all io.Writer, program string, args ...string) (*child, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &child{name: name, cancel: cancel, done: make(chan struct{}), tail: &tail{all: all}}
	c.cmd = exec.CommandContext(ctx, program, args...)
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = 6 * time.Second // killed after that
	c.cmd.SysProcAttr = diesWithUs()
	c.cmd.Stderr = c.tail
	c.cmd.Stdout = c.tail
	if line != nil {
		c.cmd.Stdout = &lineWriter{line: line}
	}
	if env != nil {
		c.cmd.Env = append(c.cmd.Environ(), env...)
	}
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	c.stdin = stdin
	if err := c.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() { // waited for by stop
		_ = c.cmd.Wait() // how it ended shows in what is missing
		_ = stdin.Close()
		close(c.done)
	}()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the process and returns when it is gone.
func (c *child) stop() {
	c.cancel()
	<-c.done
}

// kill ends the process as the kernel does when memory runs out.
func (c *child) kill() error {
	err := c.cmd.Process.Kill()
	<-c.done
	c.cancel()
	return err
}

// alive returns an error that says what the process printed if it has ended.
func (c *child) alive() error {
	select {
	case <-c.done:
		return fmt.Errorf("%s has ended (%v): %s", c.name, c.cmd.ProcessState, c.tail)
	default:
		return nil
	}
}

// tail keeps the last bytes written to it.
type tail struct {
	all io.Writer // gets everything; nil = nobody does

	mu   sync.Mutex
	text []byte
}

const tailSize = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	if t.all != nil {
		return t.all.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// lineWriter hands on whole lines.
type lineWriter struct {
	line func(string)
	rest []byte
}

var _ io.Writer = (*lineWriter)(nil)

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		at := bytes.IndexByte(w.rest, '\n')
		if at < 0 {
			return len(p), nil
		}
		w.line(string(w.rest[:at]))
		w.rest = w.rest[at+1:]
	}
}
