package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// serviceResult is how the whole service did.
type serviceResult struct {
	Doctor   string           `json:"doctor"` // what the worker says of this machine
	Command  string           `json:"command"`
	ExitCode int              `json:"exit_code"`
	Seconds  float64          `json:"seconds"`
	CPU      float64          `json:"cpu_seconds"` // cameras, worker and client are one process
	Pictures []servicePicture `json:"pictures"`
	Output   string           `json:"output"`
}

// servicePicture is the latest JPEG of one camera.
type servicePicture struct {
	Camera string `json:"camera"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Bytes  int    `json:"bytes"`
	Error  string `json:"error,omitempty"`
}

// checkService runs the demonstration on the GPU: it ends with an error unless every
// camera delivered and the shutdown was clean.
func checkService(ctx context.Context, b bundle) (result, error) {
	seconds := 20
	if b.simulated {
		seconds = 6
	}
	dir, err := os.MkdirTemp("", "gpucheck-demo-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &serviceResult{}
	gpu := []string{"--backend", "cuda"}
	if b.libraryPath != "" {
		gpu = append(gpu, "--gpu-library-path", b.libraryPath)
	}
	doctor := exec.CommandContext(ctx, b.path("frameport"), append([]string{"doctor"}, gpu...)...)
	said, doctorErr := doctor.CombinedOutput()
	r.Doctor = string(said)

	args := append([]string{"demo"}, gpu...)
	args = append(
		args, "--duration", fmt.Sprintf("%ds", seconds), "--output-dir", dir,
		"--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--rtsp-address", "127.0.0.1:0",
	)
	r.Command = strings.Join(append([]string{"frameport"}, args...), " ")
	cmd := exec.CommandContext(ctx, b.path("frameport"), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = reserve - time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err = cmd.Run()
	r.Seconds = time.Since(start).Seconds()
	r.Output = lastOf(out.String())
	r.ExitCode = cmd.ProcessState.ExitCode()
	if s := cmd.ProcessState; s != nil {
		r.CPU = (s.UserTime() + s.SystemTime()).Seconds()
	}
	return r, errors.Join(doctorErr, err, r.look(dir))
}

// look reads the pictures that the demonstration has left.
func (r *serviceResult) look(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range files {
		p := servicePicture{Camera: strings.TrimSuffix(filepath.Base(file), ".jpg")}
		raw, err := os.ReadFile(file)
		p.Bytes = len(raw)
		var img image.Image
		if err == nil {
			img, err = jpeg.Decode(bytes.NewReader(raw))
		}
		if err != nil {
			p.Error = err.Error()
			errs = append(errs, fmt.Errorf("picture of %s: %w", p.Camera, err))
		} else {
			p.Width, p.Height = img.Bounds().Dx(), img.Bounds().Dy()
		}
		r.Pictures = append(r.Pictures, p)
	}
	if len(files) == 0 {
		errs = append(errs, errors.New("no pictures"))
	}
	return errors.Join(errs...)
}

func (r *serviceResult) print(w io.Writer) {
	fmt.Fprintf(w, "%s\n%s\nexit code %d after %.1f s, %.1f s of processor time\n", strings.TrimSpace(r.Doctor), r.Command, r.ExitCode, r.Seconds, r.CPU)
	for _, p := range r.Pictures {
		fmt.Fprintf(w, "%-10s %dx%d, %d bytes %s\n", p.Camera, p.Width, p.Height, p.Bytes, p.Error)
	}
	fmt.Fprintln(w, strings.TrimSpace(r.Output))
}
