//go:build cgo

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// children are the processes that the worker has started.
func (w *worker) children() (pids []int) {
	w.t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", w.cmd.Process.Pid))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, task := range tasks {
		list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", w.cmd.Process.Pid, task.Name()))
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(list)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				w.t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func running(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

// lockedIn checks what a child of the real program has open, and its filter.
func lockedIn(t *testing.T, pid int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || !strings.Contains(string(status), "NoNewPrivs:\t1\n") || !strings.Contains(string(status), "Seccomp:\t2\n") {
		t.Errorf("child %d is not locked in: %v", pid, err)
	}
	if os.Geteuid() != 0 {
		return // nobody else may look at the rest
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		to, err := os.Readlink(file)
		if err == nil && !regexp.MustCompile(`^(pipe:|socket:|anon_inode:\[event|/memfd:frameport-pictures)`).MatchString(to) {
			t.Errorf("child %d has %s", pid, to)
		}
	}
}

const (
	endOfChild = `decoder process ended process=(\d+) pid=%d .* cameras=(?:"\[([^]]*)\]"|\[([^]]*)\])`
	childFault = `decoder process %s (?:has ended: killed by signal 9|was ended: it did not answer)`
)

var childEnded = regexp.MustCompile(`decoder process ended.* cameras=(?:"\[([^]]*)\]"|\[([^]]*)\])`)

// A decoder process is killed while each of its cameras has a picture in it. They say so and
// go on, those of the other one lose nothing, and nothing outlives the worker.
func TestDecoderProcess(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil, "--decode-isolation=process", "--decode-isolation-cameras=2", "--log-format=text")
	ids := []string{"a", "b", "c"}
	for _, id := range ids {
		h := site.Camera(id, "h264_crop", camsim.Camera{FPS: 25 / slowdown})
		w.add(id, &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	}
	frames := make(map[string]func() *frameportv1.Frame)
	for _, id := range ids {
		w.running(id)
		frames[id] = w.follow(id)
	}
	pids := w.children()
	// A machine that is too busy for one picture in 2 s has cost one its life already.
	restarts := w.gauge("frameport_decoder_process_restarts_total")
	if (len(pids) != 2 || w.gauge("frameport_decoder_processes") != 2) && restarts == 0 {
		t.Fatalf("children %v; the worker says %v", pids, w.gauge("frameport_decoder_processes"))
	}
	before, was := make(map[string]*frameportv1.Frame), make(map[string]*frameportv1.CameraStatus)
	for id, next := range frames {
		before[id] = next()
		was[id] = w.camera(id).GetStatus()
	}

	for _, pid := range pids {
		lockedIn(t, pid)
	}
	// It stands still until every camera has sent some pictures, so that it has one of each
	// of its own. Should that take as long as a picture may, the worker ends it.
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		sent := w.camera(id).GetStatus().GetCounters().GetAccessUnits()
		w.wait(id, "seen to send", func(s *frameportv1.CameraStatus) bool { return s.GetCounters().GetAccessUnits() >= sent+3 })
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	ended := regexp.MustCompile(fmt.Sprintf(endOfChild, pids[0]))
	var found []string
	until(t, "the worker to tell", func() bool { found = ended.FindStringSubmatch(w.log.String()); return found != nil })
	victims := strings.Fields(found[2] + found[3])
	if len(victims) == 0 || len(victims) == len(ids) {
		t.Fatalf("the child had cameras %v", victims)
	}
	why := regexp.MustCompile(fmt.Sprintf(childFault, found[1]))
	for _, id := range victims { // the state passes, what was said of it stays
		told := regexp.MustCompile(`camera=` + id + ` state=DEGRADED .*` + why.String() + `.* class=decode`)
		w.wait(id, "told of", func(s *frameportv1.CameraStatus) bool {
			return s.GetCounters().GetDropped().GetDecode() > was[id].GetCounters().GetDropped().GetDecode() &&
				(told.MatchString(w.log.String()) || restarts > 0 && why.MatchString(s.GetLastFault().GetMessage())) // not logged twice within seconds
		})
	}
	for _, id := range victims {
		key := w.after(id, before[id], nil)
		for !key.GetKeyFrame() || key.GetSequence() <= before[id].GetSequence()+1 {
			key = w.after(id, key, nil)
		}
	}
	if n := w.gauge("frameport_decoder_process_restarts_total"); n != restarts+1 {
		t.Errorf("%v restarts, %v before", n, restarts)
	}
	for _, id := range ids {
		if slices.Contains(victims, id) {
			continue
		}
		last := before[id].GetSequence()
		for range 40 {
			f := frames[id]()
			if f.GetSequence() <= last || f.GetCorrupt() {
				t.Errorf("%s: frame %d after %d, corrupt %v", id, f.GetSequence(), last, f.GetCorrupt())
			}
			last = f.GetSequence()
		}
		// Whatever came was decoded, between two pictures.
		c := w.wait(id, "without a loss", func(s *frameportv1.CameraStatus) bool {
			n := s.GetCounters()
			return n.GetAccessUnits() == n.GetFramesDecoded()+n.GetDropped().GetQueue()+n.GetDropped().GetDecode()
		}).GetStatus()
		n, m := c.GetCounters(), was[id].GetCounters()
		if n.GetDropped().GetDecode() != m.GetDropped().GetDecode() || n.GetFramesCorrupt() != m.GetFramesCorrupt() || c.GetLastFault().GetCount() != was[id].GetLastFault().GetCount() {
			t.Errorf("%s is hit too: %v", id, c)
		}
	}

	pids = w.children()
	w.stop()
	for _, pid := range pids {
		until(t, fmt.Sprintf("child %d to end", pid), func() bool { return !running(pid) })
	}
	if text := w.log.String(); strings.Contains(text, "level=ERROR") || strings.Contains(text, "left") {
		t.Error("the worker did not end cleanly")
	}
}

// What a worker without time leaves behind ends by itself.
func TestDecoderProcessesEndWithTheWorker(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, []string{"FRAMEPORT_DECODE_ISOLATION=process"})
	h := site.Camera("a", "h264_crop", camsim.Camera{})
	w.add("a", &frameportv1.CameraSpec{Url: h.URL(), Transport: frameportv1.Transport_TRANSPORT_TCP})
	w.running("a")
	pids := w.children()
	if len(pids) != 1 {
		t.Fatalf("children %v", pids)
	}
	w.kill()
	until(t, "the child to end", func() bool { return !running(pids[0]) })
}
