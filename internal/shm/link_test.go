package shm

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func linksIn(t *testing.T, dir string) (out []string) {
	t.Helper()
	for _, name := range names(t, dir) {
		if regionName.MatchString(name) {
			out = append(out, name)
		}
	}
	return out
}

func TestLink(t *testing.T) {
	base := t.TempDir()
	r := create(t, open(t, filepath.Join(base, "s")), page)
	for range 2 { // again, when a server has forgotten the region
		l, err := r.Link(base)
		if err != nil {
			t.Fatal(err)
		}
		if strings.LastIndexByte(l.Key(), '/') != 0 {
			t.Errorf("shm_open does not take %q", l.Key())
		}
		f, err := os.OpenFile(filepath.Join(base, l.Key()), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.Bytes()[7]++
		got := make([]byte, 8)
		if _, err := f.ReadAt(got, 0); err != nil || got[7] != r.Bytes()[7] {
			t.Errorf("read %v, %v", got, err)
		}
		if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := errors.Join(f.Close(), l.Remove(), l.Remove()); err != nil {
			t.Error(err)
		}
		if left := linksIn(t, base); len(left) != 0 {
			t.Errorf("%v are left", left)
		}
		if err := r.Err(); err != nil {
			t.Error(err)
		}
	}
	if err := os.Remove(r.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Link(base); !errors.Is(err, ErrLost) {
		t.Errorf("a region without a file: %v", err)
	}
}

func TestLinkElsewhere(t *testing.T) {
	if unix.Access(Names, unix.W_OK) != nil {
		t.Skip(Names + " can't be written to")
	}
	base := t.TempDir()
	var here, there unix.Stat_t
	if err := errors.Join(unix.Stat(base, &here), unix.Stat(Names, &there)); err != nil {
		t.Fatal(err)
	}
	if here.Dev == there.Dev {
		t.Skip("one file system")
	}
	r := create(t, open(t, filepath.Join(base, "s")), page)
	if _, err := r.Link(Names); !errors.Is(err, ErrElsewhere) || !strings.Contains(err.Error(), base) {
		t.Error(err)
	}
}

// Only files that workers of this user made are removed.
func TestRemoveDeadLinks(t *testing.T) {
	base := t.TempDir()
	name := "frameport-" + strings.Repeat("a", 26)
	for _, make := range []func(path string) error{
		func(path string) error { return os.Symlink("/dev/null", path+"b") },
		func(path string) error { return os.Mkdir(path[:len(path)-1]+"c", 0o700) },
		func(path string) error { return os.WriteFile(path, nil, 0o600) },
		func(path string) error { return os.WriteFile(path+".txt", nil, 0o600) },
		func(path string) error { return unix.Mkfifo(path[:len(path)-1]+"d", 0o600) },
		func(path string) error { return os.Symlink("/dev/null", path[:len(path)-1]+"e") },
	} {
		if err := make(filepath.Join(base, name)); err != nil {
			t.Fatal(err)
		}
	}
	before := len(names(t, base))
	RemoveDeadLinks(base, slog.New(slog.DiscardHandler))
	if _, err := os.Lstat(filepath.Join(base, name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link of a dead worker: %v", err)
	}
	if left := names(t, base); len(left) != before-1 {
		t.Errorf("left are %v", left)
	}
}
