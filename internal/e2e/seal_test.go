//go:build cgo

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// With a key, neither a password nor the key is in the saved state, nor in what a worker
// writes when it crashes; without the key it does not start and nothing is overwritten.
func TestSealedState(t *testing.T) {
	dir, d := t.TempDir(), newWatchdog()
	file := filepath.Join(dir, "cameras.json")
	raw := []byte("c4n4ry-key-of-the-state-of-32-by")
	text := base64.StdEncoding.EncodeToString(raw)
	hidden := func(from string) {
		t.Helper()
		d.check(t, from)
		for _, form := range []string{text, strings.TrimRight(text, "="), hex.EncodeToString(raw), string(raw)} {
			if indexFold(d.texts[from], form) >= 0 {
				t.Errorf("%s holds the key", from)
			}
		}
	}
	spec := &frameportv1.CameraSpec{
		Url: withLogin("rtsp://127.0.0.1:1025/a", canary), Labels: map[string]string{"door": "1"},
	}
	keyed := []string{"FRAMEPORT_STATE_KEY=" + text}
	w := start(t, keyed, "--state-dir="+dir, "--log-level=debug")
	w.add("cam", spec)
	w.hidesMemory(true)
	if err := w.cmd.Process.Signal(syscall.SIGQUIT); err != nil { // Go writes all stacks, and ends
		t.Fatal(err)
	}
	<-w.exited
	contains(t, w.log.String(), "SIGQUIT", "goroutine ")
	d.hear("crash output", []byte(w.log.String()))
	hidden("crash output")

	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		d.hear("state", append([]byte(e.Name()+"\n"), b...))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	hidden("state")
	sealed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("127.0.0.1")) || bytes.Contains(sealed, []byte("door")) {
		t.Error("the state can be read")
	}

	other := base64.StdEncoding.EncodeToString(bytes.ToUpper(raw))
	for name, env := range map[string][]string{"no key": nil, "another key": {"FRAMEPORT_STATE_KEY=" + other}, "a bad key": {"FRAMEPORT_STATE_KEY=" + string(raw)}} {
		w := launch(t, env, "--state-dir="+dir)
		<-w.exited
		if w.cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: the worker ended with %v", name, w.err)
		}
		contains(t, w.log.String(), "key")
		d.hear(name, []byte(w.log.String()))
		hidden(name)
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, sealed) {
			t.Errorf("%s: the file is another one now: %v", name, err)
		}
	}

	w = start(t, keyed, "--state-dir="+dir, "--core-dumps")
	if got := w.camera("cam").GetSpec(); got.GetLabels()["door"] != "1" {
		t.Errorf("after a restart: %v", got)
	}
	w.hidesMemory(false)
	w.stop()
}

// hidesMemory checks that a crash leaves no core dump, and that others of the worker's
// user can't read its environment.
func (w *worker) hidesMemory(want bool) {
	w.t.Helper()
	pid := w.cmd.Process.Pid
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		w.t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(limits), "Max core file size")
	var own syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &own); err != nil {
		w.t.Fatal(err)
	}
	got := strings.Fields(line)
	if want && (got[0] != "0" || got[1] != "0") || !want && own.Max != 0 && got[1] == "0" {
		w.t.Errorf("core files of %s, at most %s", got[0], got[1])
	}
	if os.Getuid() == 0 {
		return // root reads everything
	}
	if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); errors.Is(err, fs.ErrPermission) != want {
		w.t.Errorf("its environment: %v", err)
	}
}
