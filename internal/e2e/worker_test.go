//go:build cgo

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// patience bounds every wait. Nothing passes because it took long.
const patience = time.Minute

// worker is a running frameport serve.
type worker struct {
	t          *testing.T
	cmd        *exec.Cmd
	log        *output
	exited     chan struct{}
	err        error // of Wait, once exited is closed
	grpc, http string
	conn       *grpc.ClientConn
	cameras    frameportv1.CameraServiceClient
	frames     frameportv1.FrameServiceClient
	workers    frameportv1.WorkerServiceClient
}

// output collects what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

var serving = regexp.MustCompile(`serving.*grpc(?:=|":")([0-9.:]+)"?[ ,]"?http(?:=|":")([0-9.:]+)`)

// launch starts frameport serve with the arguments, on free ports, and does not wait
// for anything. The process is gone at the end of the test.
func launch(t *testing.T, env []string, args ...string) *worker {
	t.Helper()
	return spawn(t, env, append([]string{"serve", "--camera-loopback", "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0"}, args...)...)
}

// spawn starts a command that is a worker.
func spawn(t *testing.T, env []string, args ...string) *worker {
	t.Helper()
	w := &worker{t: t, log: &output{}, exited: make(chan struct{})}
	w.cmd = exec.Command(program, args...)
	w.cmd.Env = append(environment(t), env...)
	w.cmd.Stdout, w.cmd.Stderr = w.log, w.log
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		w.err = w.cmd.Wait()
		close(w.exited)
	}()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill() // gone already, most times
		<-w.exited
		if t.Failed() {
			t.Logf("the worker wrote:\n%s", w.log)
		}
	})
	return w
}

// start launches a worker and waits until it serves.
func start(t *testing.T, env []string, args ...string) *worker {
	t.Helper()
	w := launch(t, env, args...)
	w.connect(serving)
	return w
}

// connect waits until the worker has written its addresses, for gRPC and for HTTP.
func (w *worker) connect(addresses *regexp.Regexp) {
	w.t.Helper()
	until(w.t, "the worker to serve", func() bool {
		at := addresses.FindStringSubmatch(w.log.String())
		if at != nil {
			w.grpc, w.http = at[1], at[2]
			return true
		}
		select {
		case <-w.exited:
			w.t.Fatalf("the worker ended: %v", w.err)
		default:
		}
		return false
	})
	conn, err := grpc.NewClient(w.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	w.conn = conn
	w.cameras = frameportv1.NewCameraServiceClient(conn)
	w.frames = frameportv1.NewFrameServiceClient(conn)
	w.workers = frameportv1.NewWorkerServiceClient(conn)
}

// environment is a clean one: no cameras, no settings, a home of its own, and the CPU
// also where there is a GPU: tests of the simulated one ask for it. Shared memory is where
// nothing of a killed worker stays. A busy machine is no overload, which would refuse
// cameras and decode less of them; a test of that says so. With the race detector
// programs would sleep for a second before they end.
func environment(t testing.TB) []string {
	home := t.TempDir()
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_STATE_HOME=" + home, "TZ=UTC", "FRAMEPORT_BACKEND=cpu", "FRAMEPORT_SHM_DIR=" + filepath.Join(home, "shm"), "FRAMEPORT_NO_RATIONING=true", "GORACE=atexit_sleep_ms=0"}
}

// stop asks the worker to end and returns how long it took. It must end with status 0.
func (w *worker) stop() time.Duration {
	w.t.Helper()
	asked := time.Now()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	select {
	case <-w.exited:
	case <-time.After(patience):
		w.t.Fatal("the worker does not end")
	}
	took := time.Since(asked)
	if w.err != nil {
		w.t.Errorf("the worker ended with %v", w.err)
	}
	return took
}

// command runs a client command against the worker.
func (w *worker) command(args ...string) result {
	w.t.Helper()
	return command(w.t, []string{"FRAMEPORT_ADDRESS=" + w.grpc}, "", args...)
}

// result is what a command wrote and its exit status.
type result struct {
	out, err string
	status   int
}

func command(t *testing.T, env []string, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(environment(t), env...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || !exit.Exited()) {
		t.Fatalf("frameport %q: %v\n%s", args, err, errs.String())
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (w *worker) add(id string, spec *frameportv1.CameraSpec) {
	w.t.Helper()
	if _, err := w.cameras.AddCamera(w.t.Context(), &frameportv1.AddCameraRequest{CameraId: id, Spec: spec}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) camera(id string) *frameportv1.Camera {
	w.t.Helper()
	r, err := w.cameras.GetCamera(w.t.Context(), &frameportv1.GetCameraRequest{CameraId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.GetCamera()
}

// wait waits for a camera to be as ok says.
func (w *worker) wait(id, what string, ok func(*frameportv1.CameraStatus) bool) *frameportv1.Camera {
	w.t.Helper()
	var c *frameportv1.Camera
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%s is %v", id, c)
		}
	}()
	until(w.t, id+" to be "+what, func() bool {
		c = w.camera(id)
		return ok(c.GetStatus())
	})
	return c
}

func (w *worker) running(id string) *frameportv1.Camera {
	w.t.Helper()
	return w.wait(id, "running", func(s *frameportv1.CameraStatus) bool {
		return s.GetState() == frameportv1.CameraState_CAMERA_STATE_RUNNING
	})
}

// faulty waits for a camera to have a fault of a class.
func (w *worker) faulty(id string, class frameportv1.FaultClass) *frameportv1.Camera {
	w.t.Helper()
	return w.wait(id, class.String(), func(s *frameportv1.CameraStatus) bool { return s.GetFault().GetClass() == class })
}

// after returns the first frame after another one; nil asks for the newest.
func (w *worker) after(id string, f *frameportv1.Frame, out *frameportv1.OutputSpec) *frameportv1.Frame {
	w.t.Helper()
	r := &frameportv1.GetFrameRequest{CameraId: id, Output: out, Wait: durationpb.New(patience)}
	if f != nil {
		r.NewerThan = &frameportv1.FramePosition{Epoch: f.GetEpoch(), Sequence: f.GetSequence()}
	}
	got, err := w.frames.GetFrame(w.t.Context(), r)
	if err != nil {
		w.t.Fatalf("%s: %v; %v", id, err, w.camera(id))
	}
	return got.GetFrame()
}
