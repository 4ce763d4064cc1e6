package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// pythonResult is how a camera's frames come to a program in Python in device memory.
type pythonResult struct {
	// Skipped is why it was not tried: this machine's Python lacks something.
	Skipped string   `json:"skipped,omitempty"`
	Lines   []string `json:"lines"` // of the program, the last one with the times
}

// needsOfPython is what the Python client wants.
const needsOfPython = "import grpc, google.protobuf, numpy"

// readInPython starts a worker with a camera, and the bundle's program in Python.
func readInPython(ctx context.Context, b bundle) (result, error) {
	r := &pythonResult{}
	if said, err := exec.CommandContext(ctx, "python3", "-c", needsOfPython).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		r.Skipped = fmt.Sprintf("python3 can't %s: %v %s", needsOfPython, err, lines[len(lines)-1])
		return r, nil
	}
	server, urls, err := startCameras(1)
	if err != nil {
		return r, err
	}
	w, err := startWorker(ctx, b)
	if err != nil {
		return r, errors.Join(err, server.Close())
	}
	err = r.read(ctx, b, w, urls[0])
	return r, errors.Join(err, w.stop(), server.Close())
}

func (r *pythonResult) read(ctx context.Context, b bundle, w *worker, url string) error {
	if err := w.add(ctx, "camera0", url); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "python3", b.path("python", "cuda_ipc.py"), "camera0", "--frames", strconv.Itoa(b.bounds().pictures))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+b.path("python"), "PYTHONDONTWRITEBYTECODE=1", "FRAMEPORT_ADDRESS="+w.socket())
	if b.libraryPath != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+b.libraryPath)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	r.Lines = strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil {
		return fmt.Errorf("the program in Python: %w: %s", err, said.String())
	}
	return r.verdict()
}

// verdict is why the frames can't be relied on.
func (r *pythonResult) verdict() error {
	if last := r.Lines[len(r.Lines)-1]; !strings.Contains(last, " 0 broken;") {
		return fmt.Errorf("frames were written over while they were lent: %s", last)
	}
	return nil
}

func (r *pythonResult) print(w io.Writer) {
	if r.Skipped != "" {
		fmt.Fprintf(w, "not tried: %s\n", r.Skipped)
	}
	for _, line := range r.Lines {
		fmt.Fprintln(w, line)
	}
}
