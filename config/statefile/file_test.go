package statefile_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/config/statefile"
	"github.com/frameport/frameport/internal/secret"
)

func records() []config.Record {
	c := config.Camera{URL: "rtsp://192.0.2.1/x", Username: "u", Password: secret.New("p/ä\"s"), Labels: map[string]string{"a": "b"}}
	c.EnsureDefaults()
	d := config.Camera{URL: "rtsps://192.0.2.2/y", Password: secret.String{}}
	d.EnsureDefaults()
	return []config.Record{
		{ID: "a", Spec: c, Added: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)},
		{ID: "b", Spec: d, Added: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		{ID: "gone", Removed: true},
	}
}

func open(t *testing.T, dir string) (*statefile.File, []config.Record) {
	t.Helper()
	f, got, err := statefile.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, got
}

// written returns a state folder with records in it and the bytes of its file.
func written(t *testing.T) (dir, path string, data []byte) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	f, got := open(t, dir)
	if len(got) != 0 {
		t.Fatalf("a new folder holds %v", got)
	}
	if err := f.Save(t.Context(), records()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	return dir, f.Path(), data
}

func TestRoundTrip(t *testing.T) {
	dir, path, _ := written(t)
	_, got := open(t, dir)
	want := records()
	if len(got) != len(want) {
		t.Fatalf("%d records", len(got))
	}
	for i := range want {
		if got[i].ID != want[i].ID || got[i].Removed != want[i].Removed || !got[i].Added.Equal(want[i].Added) || !got[i].Spec.Equal(want[i].Spec) {
			t.Errorf("record %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	for p, mode := range map[string]os.FileMode{path: 0o600, dir: 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, want %v (%v)", p, info.Mode().Perm(), mode, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// Every cut and every flipped byte of a file is reported, and the file stays.
func TestTornFilesAreReportedAndKept(t *testing.T) {
	dir, path, data := written(t)
	try := func(bad []byte, what string, at int) {
		t.Helper()
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		f, _, err := statefile.Open(dir, nil)
		if err == nil {
			_ = f.Close()
			t.Fatalf("%s at %d was not seen", what, at)
		}
		if !errors.Is(err, statefile.ErrDamaged) && !errors.Is(err, statefile.ErrForeign) && !errors.Is(err, statefile.ErrNewer) {
			t.Fatalf("%s at %d: %v", what, at, err)
		}
		if !strings.Contains(err.Error(), "mv "+path) {
			t.Fatalf("%s at %d does not say what to do: %v", what, at, err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, bad) {
			t.Fatalf("%s at %d: the file was touched", what, at)
		}
	}
	tries := 0
	for n := range data {
		try(data[:n], "cut", n)
		tries++
	}
	for n := range data {
		bad := bytes.Clone(data)
		bad[n] ^= byte(1 << (n % 8))
		try(bad, "flip", n)
		tries++
	}
	try(append(bytes.Clone(data), '\n'), "tail", len(data))
	if tries < 1000 {
		t.Errorf("only %d tries", tries)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, got := open(t, dir); len(got) != 3 {
		t.Errorf("the good copy gives %d records", len(got))
	}
}

func TestForeignAndNewerFiles(t *testing.T) {
	dir, path, data := written(t)
	for name, tt := range map[string]struct {
		data []byte
		want error
	}{
		"foreign": {[]byte("port: 80\n"), statefile.ErrForeign},
		"json":    {[]byte(`{"cameras":[]}`), statefile.ErrForeign},
		"empty":   {nil, statefile.ErrDamaged},
		"version": {bytes.Replace(data, []byte(`"version":1`), []byte(`"version":0`), 1), statefile.ErrDamaged},
		"newer":   {bytes.Replace(data, []byte(`"version":1`), []byte(`"version":3`), 1), statefile.ErrNewer},
	} {
		if err := os.WriteFile(path, tt.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := statefile.Open(dir, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenModesAreRefused(t *testing.T) {
	dir, path, _ := written(t)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	_, _, err := statefile.Open(dir, nil)
	if !errors.Is(err, statefile.ErrExposed) || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("group readable: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	_, _, err = statefile.Open(dir, nil)
	if !errors.Is(err, statefile.ErrExposed) || !strings.Contains(err.Error(), "chmod go-w "+dir) {
		t.Errorf("folder group writable: %v", err)
	}
}

func TestOneProcessPerFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, _ := open(t, dir)
	// flock belongs to the open file, so a second Open in this process is refused
	// as another process is.
	if _, _, err := statefile.Open(dir, nil); !errors.Is(err, statefile.ErrLocked) || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("second: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(t.Context(), nil); !errors.Is(err, statefile.ErrClosed) {
		t.Errorf("save after close: %v", err)
	}
	open(t, dir)
}

func TestFailedSaveKeepsTheOldState(t *testing.T) {
	dir, path, data := written(t)
	f, _ := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Save(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// A folder in the temporary file's place makes every write fail, also for root.
	temp := path + ".tmp"
	if err := os.MkdirAll(filepath.Join(temp, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(t.Context(), nil); err == nil {
		t.Error("a save that can't write succeeded")
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, data) {
		t.Error("the old state is gone")
	}
	if err := os.RemoveAll(temp); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(t.Context(), records()[:1]); err != nil {
		t.Error(err)
	}
}

// A crash between write and rename leaves a temporary file, which is not read, and is
// gone with the next start: it may hold passwords.
func TestLeftoverOfACrashIsIgnored(t *testing.T) {
	dir, path, _ := written(t)
	if err := os.WriteFile(path+".tmp", []byte("half a st"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, got := open(t, dir)
	if len(got) != 3 {
		t.Errorf("%d records", len(got))
	}
	if _, err := os.Lstat(path + ".tmp"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if err := f.Save(t.Context(), got); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}
