package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
)

type doctorCmd struct {
	accessFlags
	gpuFlags
	inferenceFlags
	ShmDir  string `name:"shm-dir" env:"FRAMEPORT_SHM_DIR" help:"The folder for shared memory to try. Default: one in /dev/shm." placeholder:"DIR"`
	Backend string `enum:"auto,cuda,cpu" default:"auto" help:"The backend to look at: auto, cuda or cpu."`
}

// errAsked is that of a doctor whose table has rows that are not as they were asked for.
var errAsked = errors.New("what was asked for does not work")

// Run says what this machine can decode and why not more. It fails when the
// worker could not start with this backend or these files, and when an inference
// server that it was told of is not ready.
func (c doctorCmd) Run(ctx context.Context, io streams) error {
	var kind config.BackendKind
	if err := kind.UnmarshalText([]byte(c.Backend)); err != nil {
		return err
	}
	var settings config.GPU
	c.gpuFlags.apply(&settings)
	if err := settings.Validate(); err != nil {
		return err
	}
	b, err := backend.New(ctx, backendConfig(kind, settings, &frame.Account{}))
	if err != nil {
		return err
	}
	t := newTable(io.out)
	t.row("version", versionText())
	if n := failpoint.Notice(); n != "" {
		t.row("failpoints", n)
	}
	t.row("system", fmt.Sprintf("%s/%s, %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()))
	t.row("backend", b.Choice.Kind.String())
	t.row("reason", b.Choice.Reason)
	for _, note := range b.Choice.Notes {
		t.row("note", note)
	}
	for _, d := range b.Devices() {
		showDevice(t, d)
	}
	for _, l := range backend.Libraries() {
		t.row("library", l)
	}
	for _, codec := range backend.Codecs() {
		t.row("decodes", codec.String())
	}
	t.row("shared memory", sharedText(c.ShmDir))
	t.row("isolation", isolationText(ctx))
	var wrong []error
	for _, s := range c.InferenceServer {
		text, err := inferenceText(ctx, s)
		t.row("inference server", text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%w: inference server %s", errAsked, s.Name))
		}
	}
	var worker config.Worker
	worker.EnsureDefaults()
	c.accessFlags.apply(&worker)
	tls, login, err := accessText(worker)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("%w: tls and login", errAsked))
	}
	t.row("tls", tls)
	t.row("login", login)
	if worker.Insecure {
		t.row("insecure", "yes: a worker with --insecure may serve other machines without TLS or without a login")
	}
	t.row("open files", openFiles())
	wrong = append(wrong, t.flush(), b.Close())
	return errors.Join(wrong...)
}

// openFiles judges the descriptor limit: a camera over UDP needs three.
func openFiles() string {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err.Error()
	}
	const perCamera, others = 4, 100
	if l.Cur < others+perCamera*256 {
		return fmt.Sprintf("%d: enough for about %d cameras; raise it with ulimit -n or LimitNOFILE=", l.Cur, (l.Cur-others)/perCamera)
	}
	return fmt.Sprintf("%d: enough for %d cameras and more", l.Cur, min((l.Cur-others)/perCamera, 4096))
}

// showDevice describes one GPU and what the worker takes of it without cameras.
func showDevice(t table, d backend.DeviceStatus) {
	t.row("gpu", fmt.Sprintf("%d: %s, %s, compute capability %s, CUDA %s", d.Info.Ordinal, d.Info.Name, d.Info.UUID, d.Info.ComputeCapability, d.Info.DriverVersion))
	if d.Driver != "" {
		t.row("  driver", d.Driver)
	}
	t.row("  video decoders", fmt.Sprint(d.Engines))
	t.row("  JPEG", d.JPEG)
	l := ledger(d)
	t.row("  memory", fmt.Sprintf("%s of %s free; without cameras this worker takes %s (context %s, kernels %s, JPEG %s)",
		size(d.Free), size(d.Total), size(l.GetFixedBytes()), size(l.GetContextBytes()), size(l.GetModuleBytes()), size(l.GetJpegBytes())))
}

func size(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
