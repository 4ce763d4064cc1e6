package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// total is what the whole check takes at most; run.sh ends it a little later.
const total = 8*time.Minute + 40*time.Second

// grace is what a part has beyond its limit to write down what it has.
const grace = 2 * time.Second

// runner runs parts one after the other, each in a process of its own.
type runner struct {
	bundle bundle
	dir    string // of the results
	parts  []part
	total  time.Duration
	log    io.Writer
	// command makes the process of a part, which writes its findings to file.
	command func(ctx context.Context, b bundle, p part, file string) *exec.Cmd
}

// runAll runs everything and writes the report. The error says which parts are not ok.
func runAll(ctx context.Context, b bundle, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	var folders []string // the children work elsewhere
	for _, folder := range b.library().Dirs() {
		if folder, err = filepath.Abs(folder); err != nil {
			return err
		}
		folders = append(folders, folder)
	}
	b.libraryPath = strings.Join(folders, ":")
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	r := runner{
		bundle: b, dir: dir, parts: parts(), total: total, log: os.Stdout,
		command: func(ctx context.Context, b bundle, p part, file string) *exec.Cmd {
			return exec.CommandContext(ctx, self, append(append([]string{"part"}, b.arguments()...), p.name, file)...)
		},
	}
	rep := r.run(ctx)
	if err := rep.write(dir); err != nil {
		return err
	}
	fmt.Fprintln(r.log, filepath.Join(dir, "gpu-check.txt"))
	var bad []string
	for _, o := range rep.Parts {
		if o.State != stateOK {
			bad = append(bad, o.Name)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("not ok: %s", strings.Join(bad, ", "))
	}
	return nil
}

func (r *runner) run(ctx context.Context) *report {
	start := time.Now()
	rep := &report{Schema: schema, Complete: true, Version: readVersion(r.bundle), Started: start.UTC().Truncate(time.Second), Host: readHost(), Parts: []outcome{}}
	for _, p := range r.parts {
		o := outcome{Name: p.name, About: p.about, State: stateNotRun, Error: "no time was left"}
		if left := r.total - time.Since(start); left > reserve && ctx.Err() == nil {
			p.limit = min(p.limit, left)
			o = r.one(ctx, p, rep)
		}
		rep.Complete = rep.Complete && o.State == stateOK
		rep.Parts = append(rep.Parts, o)
		fmt.Fprintf(r.log, "%-10s %-22s %6.1f s\n", o.State, o.Name, o.Seconds)
	}
	rep.Seconds = time.Since(start).Seconds()
	return rep
}

// one runs one part, and notes what those after it need.
func (r *runner) one(ctx context.Context, p part, rep *report) outcome {
	o := outcome{Name: p.name, About: p.about, State: stateOK}
	file := filepath.Join(r.dir, "part-"+strings.ReplaceAll(p.name, "/", "-")+".json")
	defer os.Remove(file)
	start := time.Now()
	said, err := r.child(ctx, p, file)
	o.Seconds = time.Since(start).Seconds()
	var f found
	if raw, fileErr := os.ReadFile(file); fileErr == nil {
		fileErr = json.Unmarshal(raw, &f)
		err = errors.Join(err, fileErr)
	} else if err == nil {
		err = errors.New("it ended without a word")
	}
	if f.Error != "" {
		err = errors.Join(errors.New(f.Error), err)
	}
	o.Result, o.text = f.Result, f.Text
	if l := f.Learned; l != nil {
		rep.Simulated, rep.GPU, rep.Driver = l.Simulated, l.GPU, l.Driver
		r.bundle.simulated, r.bundle.libraryPath = l.Simulated, l.LibraryPath
	}
	if err != nil {
		o.State = stateFailed
		if errors.Is(err, context.DeadlineExceeded) {
			o.State = stateTimeout
		}
		o.Error = strings.TrimSpace(err.Error() + "\n" + said)
	}
	return o
}

// child runs the part's process, and ends it and what it started after its limit.
func (r *runner) child(ctx context.Context, p part, file string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.limit+grace)
	defer cancel()
	cmd := r.command(ctx, r.bundle, p, file)
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("killed after %v: %w", p.limit+grace, ctx.Err())
	}
	return out.String(), err
}

// tail keeps the last of what is written to it.
type tail struct{ buf bytes.Buffer }

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if over := t.buf.Len() - tailSize; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string { return t.buf.String() }
