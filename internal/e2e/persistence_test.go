//go:build cgo

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// kill ends the worker as a power cut does.
func (w *worker) kill() {
	w.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
	<-w.exited
}

// Cameras that were added, changed and removed are so after a crash, at once after
// the call was answered.
func TestCamerasSurviveACrash(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	dir := filepath.Join(t.TempDir(), "state")
	config := filepath.Join(t.TempDir(), "cameras.yaml")
	if err := os.WriteFile(config, []byte("cameras:\n  declared: {url: 'rtsp://127.0.0.1:1025/a'}\n  unwanted: {url: 'rtsp://127.0.0.1:1025/b'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--state-dir=" + dir, "--config=" + config}
	h := site.Camera("cam", "h264_change_a", camsim.Camera{Username: "u", Password: "p/ä@ss"})

	w := start(t, nil, args...)
	w.add("kept", &frameportv1.CameraSpec{
		Url: h.URL(), Credentials: &frameportv1.Credentials{Username: "u", Password: "p/ä@ss"},
		Transport: frameportv1.Transport_TRANSPORT_TCP, Labels: map[string]string{"site": "north"},
	})
	w.add("gone", &frameportv1.CameraSpec{Url: h.URL() + "/gone"})
	w.running("kept")
	w.change("kept", &frameportv1.CameraSpec{
		Labels: map[string]string{"site": "south", "door": "1"}, Frame: &frameportv1.FrameSpec{MaxWidth: 320, RingSize: 7},
	}, "labels", "frame.max_width", "frame.ring_size")
	for _, id := range []string{"gone", "unwanted"} {
		if _, err := w.cameras.RemoveCamera(t.Context(), &frameportv1.RemoveCameraRequest{CameraId: id}); err != nil {
			t.Fatal(err)
		}
	}
	before := w.camera("kept").GetSpec()
	w.kill()

	w = start(t, nil, args...)
	list, err := w.cameras.ListCameras(t.Context(), &frameportv1.ListCamerasRequest{})
	if err != nil || len(list.GetCameras()) != 2 || list.GetCameras()[0].GetCameraId() != "declared" || list.GetCameras()[1].GetCameraId() != "kept" {
		t.Fatalf("%v, %v", list, err)
	}
	if after := w.camera("kept").GetSpec(); !proto.Equal(after, before) || after.GetFrame().GetMaxWidth() != 320 || after.GetLabels()["door"] != "1" {
		t.Errorf("%v became %v", before, after)
	}
	if f := w.after("kept", nil, nil); f.GetWidth() != 320 { // the login is right, too
		t.Errorf("a frame %d pixels wide", f.GetWidth())
	}
	if info, err := os.Stat(filepath.Join(dir, "cameras.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}

	// Another worker on the same folder is refused; the first one goes on.
	other := launch(t, nil, args...)
	<-other.exited
	if other.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("a second worker ended with %v", other.err)
	}
	contains(t, other.log.String(), dir, "stop the other frameport, or use another --state-dir")
	w.after("kept", w.after("kept", nil, nil), nil)
	w.stop()
}

// A state file that is torn, foreign or open to others stops the start with what to
// do, and stays as it is.
func TestBadStateFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cameras.json")
	w := start(t, nil, "--state-dir="+dir)
	w.add("cam", &frameportv1.CameraSpec{Url: "rtsp://127.0.0.1:1025/a"})
	w.stop()
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Replace(good, []byte("127.0.0.1"), []byte("127.0.0.2"), 1)
	for _, tc := range []struct {
		name string
		data []byte
		mode os.FileMode
		text []string
	}{
		{"torn", good[:len(good)/2], 0o600, []string{file, "nothing was changed", "mv "}},
		{"empty", nil, 0o600, []string{file, "nothing was changed", "mv "}},
		{"changed", flipped, 0o600, []string{file, "nothing was changed", "mv "}},
		{"foreign", []byte("#!/bin/sh\necho hello\n"), 0o600, []string{file, "nothing was changed", "mv "}},
		{"readable by all", good, 0o644, []string{file, "0644", "chmod 600"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(file, tc.data, tc.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, tc.mode); err != nil {
				t.Fatal(err)
			}
			w := launch(t, nil, "--state-dir="+dir)
			<-w.exited
			if w.cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("the worker ended with %v", w.err)
			}
			contains(t, w.log.String(), tc.text...)
			if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, tc.data) {
				t.Errorf("the file is another one now: %v", err)
			}
		})
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if start(t, nil, "--state-dir="+dir).camera("cam") == nil {
		t.Error("the good copy is of no use")
	}
}
