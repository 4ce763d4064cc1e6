package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/shm"
)

func TestSharedMemorySettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "worker:\n  shared_memory: {dir: /dev/shm/of-the-file, limit: 64MiB, remote: true}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want config.SharedMemory
	}{
		{nil, config.SharedMemory{Limit: 1 << 30, Lease: 2 * time.Second}},
		{[]string{"--config", file}, config.SharedMemory{Dir: "/dev/shm/of-the-file", Limit: 64 << 20, Lease: 2 * time.Second, Remote: true}},
		{
			[]string{"--config", file, "--shm-dir=off", "--shm-limit=2GiB", "--shm-lease=10s"},
			config.SharedMemory{Dir: "off", Limit: 2 << 30, Lease: 10 * time.Second, Remote: true},
		},
		{[]string{"--shm-remote"}, config.SharedMemory{Limit: 1 << 30, Lease: 2 * time.Second, Remote: true}},
	} {
		t.Setenv("FRAMEPORT_SHM_DIR", "")
		if err := os.Unsetenv("FRAMEPORT_SHM_DIR"); err != nil {
			t.Fatal(err)
		}
		serve := parseServe(t, c.args)
		w, _, _, err := serve.settings(nil)
		if err != nil || w.SharedMemory != c.want {
			t.Errorf("%q: %+v, %v", c.args, w.SharedMemory, err)
		}
	}
	if _, errs, status := command(t, "", "serve", "--shm-dir=x"); status != 1 || !strings.Contains(errs, "worker.shared_memory.dir") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// A folder that can't be used is told once, and the worker goes on without.
func TestOpenShared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	var log output
	logger := slog.New(slog.NewTextHandler(&log, nil))
	settings := config.SharedMemory{Dir: dir, Limit: 1 << 20, Lease: time.Second, Remote: true}
	got := openShared(settings, logger)
	if got.Folder == nil || got.Folder.Path() != dir || got.Folder.Limit() != 1<<20 || got.Lease != time.Second || !got.Remote || log.String() != "" {
		t.Fatalf("%+v, %s", got, log.String())
	}
	second := openShared(settings, logger)
	if second.Folder != nil || !strings.Contains(second.Reason, "used by another worker") || strings.Count(log.String(), "no shared memory") != 1 {
		t.Errorf("%+v, %s", second, log.String())
	}
	if text := sharedText(dir); !strings.Contains(text, "none: ") || !strings.Contains(text, "used by another worker") {
		t.Error(text)
	}
	if err := got.Folder.Close(); err != nil {
		t.Error(err)
	}
	if text := sharedText(dir); !strings.HasPrefix(text, filepath.Dir(dir)+": ") || !strings.HasSuffix(text, " MiB free") {
		t.Error(text)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	settings.Dir = config.SharedMemoryOff
	if off := openShared(settings, logger); off.Folder != nil || !strings.Contains(off.Reason, "--shm-dir off") {
		t.Errorf("%+v", off)
	}
	if sharedText("off") != "off" {
		t.Error(sharedText("off"))
	}
}

// Names that a killed worker had for an inference server go with the next start.
func TestOpenSharedRemovesDeadNames(t *testing.T) {
	if unix.Access(shm.Names, unix.W_OK) != nil {
		t.Skip(shm.Names + " can't be written to")
	}
	base, err := os.MkdirTemp(shm.Names, "frameport-test-")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(base, "s"), ""} {
		dead := filepath.Join(shm.Names, "frameport-"+strings.ToLower(rand.Text()))
		if err := os.WriteFile(dead, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		got := openShared(config.SharedMemory{Dir: dir, Limit: 1 << 20, Lease: time.Second}, slog.New(slog.DiscardHandler))
		if got.Folder == nil {
			t.Fatal(got.Reason)
		}
		if err := got.Folder.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %s is still there: %v", dir, dead, err)
			_ = os.Remove(dead)
		}
	}
	if err := os.Remove(base); err != nil {
		t.Error(err)
	}
}
