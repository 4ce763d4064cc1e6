//go:build cgo

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// reader is another process that reads shared memory.
type reader struct {
	t     *testing.T
	cmd   *exec.Cmd
	hold  io.Closer
	lines *bufio.Scanner
	file  string // of the region, or its GPU
}

func (w *worker) reader(ids ...string) *reader {
	w.t.Helper()
	return w.readerAs(readerOf, nil, ids...)
}

// readerAs starts a reader of the kind that the variable names.
func (w *worker) readerAs(variable string, env []string, ids ...string) *reader {
	w.t.Helper()
	r := &reader{t: w.t, cmd: exec.Command(os.Args[0])}
	r.cmd.Env = append(append(os.Environ(), env...), variable+"="+w.grpc+","+strings.Join(ids, ","))
	r.cmd.Stderr = os.Stderr
	in, err := r.cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { r.kill() })
	r.hold, r.lines = in, bufio.NewScanner(out)
	r.file = r.line()
	return r
}

func (r *reader) line() string {
	r.t.Helper()
	if !r.lines.Scan() {
		r.t.Fatal("the reader has ended")
	}
	return r.lines.Text()
}

func (r *reader) kill() {
	_ = r.cmd.Process.Kill() // gone already, at the end of the test
	_ = r.cmd.Wait()
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// Another process sees in its mapping the pictures that the entries speak of, of both
// backends. When it is killed its lease ends at once, long before its time.
func TestSharedBatches(t *testing.T) {
	const lease = "--shm-lease=60s"
	for name, begin := range map[string]func(t *testing.T) *worker{
		"CPU":  func(t *testing.T) *worker { return start(t, nil, lease) },
		"CUDA": func(t *testing.T) *worker { w, _ := startGPU(t, nil, lease); return w },
	} {
		t.Run(name, func(t *testing.T) {
			site := NewSite(t, camsim.Config{})
			var file string
			t.Cleanup(func() { // after the worker's end
				if !gone(filepath.Dir(file)) {
					t.Errorf("%s is left behind", filepath.Dir(file))
				}
			})
			w := begin(t)
			clips := []string{"h264_720p", "h265_720p"}
			for _, clip := range clips {
				w.add(clip, over(site.Camera(clip, clip, camsim.Camera{}).URL()))
				w.running(clip)
			}
			r := w.reader(clips...)
			seen := map[string]int{}
			for n := 0; n < 20 || len(seen) < len(clips); n++ {
				var id, problem string
				var camera, picture int
				line := r.line()
				if _, err := fmt.Sscan(line, &id, &camera, &picture, &problem); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				if clip := site.Clip(id); camera != clip.Camera || picture >= clip.Frames || problem != "<nil>" {
					t.Errorf("%s, want camera %d", line, clip.Camera)
				}
				seen[id]++
			}
			if err := r.hold.Close(); err != nil {
				t.Fatal(err)
			}
			for r.line() != "held" {
			}
			if gone(r.file) {
				t.Error("the file of a living reader is gone")
			}
			r.kill()
			until(t, "the killed reader's memory to be removed", func() bool { return gone(r.file) })
			again := w.reader(clips...)
			again.line()
			if again.file == r.file {
				t.Error("a name was used twice")
			}
			again.kill()
			file = r.file
			if name == "CPU" { // the other one is stopped anyway
				w.stop()
			}
		})
	}
}

// A worker that is killed leaves its folder in /dev/shm, and the next one removes it.
func TestSharedMemoryOfAKilledWorker(t *testing.T) {
	const base = "/dev/shm"
	if unix.Access(base, unix.W_OK) != nil {
		t.Skip(base + " can't be written to")
	}
	site := NewSite(t, camsim.Config{})
	clip := "h264_change_a"
	url := site.Camera(clip, clip, camsim.Camera{}).URL()
	begin := func() (*worker, *reader, *framesReader, string) {
		w := start(t, nil, "--shm-dir=")
		w.add(clip, over(url))
		w.running(clip)
		r, frames := w.reader(clip), w.framesReader(site, clip)
		r.line()
		frames.frames(1)
		return w, r, frames, fmt.Sprintf("%s/frameport-%d", base, w.cmd.Process.Pid)
	}
	w, r, frames, folder := begin()
	if filepath.Dir(r.file) != folder || filepath.Dir(frames.file) != folder {
		t.Fatalf("the files are %s and %s", r.file, frames.file)
	}
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-w.exited
	if gone(r.file) || gone(frames.file) {
		t.Fatal("a killed worker has cleared up")
	}
	for frames.lines.Scan() { // it ends with its worker
	}
	next, other, more, after := begin()
	if filepath.Base(more.file) == filepath.Base(frames.file) || filepath.Base(other.file) == filepath.Base(r.file) {
		t.Errorf("a name was used twice: %s after %s, %s after %s", more.file, frames.file, other.file, r.file)
	}
	if !gone(folder) {
		t.Errorf("%s is still there", folder)
	}
	if !strings.Contains(next.log.String(), folder) {
		t.Error("the log does not say what was removed")
	}
	other.kill()
	more.kill()
	next.stop()
	if !gone(after) {
		t.Errorf("%s is left behind", after)
	}
}

// What other programs do to the files, and limits of the system, end streams and not the
// worker.
func TestSharedMemoryIsHarmed(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	const clip = "h264_change_a"
	w.add(clip, over(site.Camera(clip, clip, camsim.Camera{}).URL()))
	w.running(clip)
	steady := w.reader(clip)
	for name, harm := range map[string]func(string) error{
		"shortened": func(path string) error { return os.Truncate(path, 0) },
		"removed":   os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := w.frames.StreamBatches(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(startShared([]string{clip})); err != nil {
				t.Fatal(err)
			}
			r, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if err := harm(r.GetRegion().GetKey()); err != nil {
				t.Fatal(err)
			}
			var batch *frameportv1.StreamBatchesResponse
			for err == nil { // one batch may have been made before
				if batch, err = stream.Recv(); err == nil {
					_ = ackShared(stream, batch.GetBatch())
				}
			}
			if reason, _ := apierr.ReasonOf(err); reason != apierr.SharedMemoryLost || status.Code(err) != codes.Aborted {
				t.Error(err)
			}
			steady.line()
		})
	}
	// The limit of file sizes does not end the worker.
	limit := unix.Rlimit{Cur: 64 << 10, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(w.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Logf("not tried: %v", err)
	} else {
		stream, err := w.frames.StreamBatches(t.Context())
		if err == nil {
			err = stream.Send(startShared([]string{clip}))
		}
		if err == nil {
			_, err = stream.Recv()
		}
		if reason, _ := apierr.ReasonOf(err); reason != apierr.OutOfSharedMemory {
			t.Error(err)
		}
	}
	steady.line()
	steady.kill()
	w.stop()
}
