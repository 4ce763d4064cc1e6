package shm

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

const page = 4096

func open(t *testing.T, path string) *Folder {
	t.Helper()
	f, err := Open(path, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// make returns a region that is closed before its folder.
func create(t *testing.T, f *Folder, size int64) *Region {
	t.Helper()
	r, err := f.Create(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestRegion(t *testing.T) {
	defer unix.Umask(unix.Umask(0o777)) // which must not count
	dir := filepath.Join(t.TempDir(), "s")
	f, err := Open(dir, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	const size = chunk + 5
	r, err := f.Create(size)
	if err != nil {
		t.Fatal(err)
	}
	var st, folder unix.Stat_t
	if err := errors.Join(unix.Stat(r.Path(), &st), unix.Stat(dir, &folder)); err != nil {
		t.Fatal(err)
	}
	if st.Mode != unix.S_IFREG|0o600 || folder.Mode != unix.S_IFDIR|0o700 || st.Size != size || st.Blocks*512 < size {
		t.Errorf("modes %o and %o, %d bytes in %d blocks", st.Mode, folder.Mode, st.Size, st.Blocks)
	}
	if filepath.Dir(r.Path()) != dir || filepath.Base(r.Path()) != r.Name() || len(r.Bytes()) != size || f.Bytes() != size {
		t.Errorf("%s at %s, %d of %d bytes", r.Name(), r.Path(), len(r.Bytes()), f.Bytes())
	}
	for _, b := range [][]byte{r.Bytes()[:1], r.Bytes()[size-1:]} {
		if b[0] != 0 {
			t.Error("not filled with zeros")
		}
		b[0] = 7
	}
	seen, err := os.ReadFile(r.Path())
	if err != nil || len(seen) != size || seen[0] != 7 || seen[size-1] != 7 || r.Err() != nil {
		t.Errorf("a reader sees %d bytes, %v, %v", len(seen), err, r.Err())
	}
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "1 regions") {
		t.Errorf("the folder was closed under a region: %v", err)
	}
	if err := errors.Join(r.Close(), r.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if _, err := f.Create(1); !errors.Is(err, ErrClosed) {
		t.Errorf("%v after Close", err)
	}
}

func TestNothingIsLeft(t *testing.T) {
	base := t.TempDir()
	f := open(t, filepath.Join(base, "s"))
	var regions sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 8 {
		regions.Go(func() {
			for range 8 {
				r, err := f.Create(3 * page)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[r.Name()] {
					t.Errorf("%s twice", r.Name())
				}
				seen[r.Name()] = true
				mu.Unlock()
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	regions.Wait()
	if left := names(t, f.Path()); len(left) != 0 || f.Bytes() != 0 {
		t.Errorf("left: %v, %d bytes", left, f.Bytes())
	}
	if err := f.Close(); err != nil || len(names(t, base)) != 0 {
		t.Errorf("%v, left: %v", err, names(t, base))
	}
}

func TestLimit(t *testing.T) {
	f, err := Open(filepath.Join(t.TempDir(), "s"), 3*page)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	two, err := f.Create(2 * page)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Create(2 * page); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "--shm-limit") {
		t.Errorf("beyond the limit: %v", err)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	create(t, f, 3*page)
	if _, err := f.Create(0); err == nil {
		t.Error("a region of nothing")
	}
}

// The limit of file sizes is an error, and not the end of the process.
func TestFileSizeLimit(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "s"))
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 10 * page, Max: before.Max}); err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
	}()
	if _, err := f.Create(11 * page); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "ulimit -f") {
		t.Errorf("%v", err)
	}
	create(t, f, 10*page)
}

// tmpfs mounts a file system of a few pages.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("no mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A file system without room gives an error, and no SIGBUS later; what is there goes on.
func TestFileSystemFull(t *testing.T) {
	f := open(t, filepath.Join(tmpfs(t, "size=1m"), "s"))
	r := create(t, f, 512<<10)
	if _, err := f.Create(600 << 10); !errors.Is(err, ErrFull) || !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "--shm-size") {
		t.Errorf("%v", err)
	}
	if left := names(t, f.Path()); len(left) != 1 || f.Bytes() != 512<<10 {
		t.Errorf("%v, %d bytes", left, f.Bytes())
	}
	for i := range r.Bytes() {
		r.Bytes()[i] = 1
	}
	if r.Err() != nil {
		t.Error(r.Err())
	}
	create(t, f, 400<<10) // there is room for less
	if _, err := Open(filepath.Join(tmpfs(t, "size=64k,nr_inodes=2"), "s"), 1<<20); err == nil {
		t.Error("a folder in which no file can be made")
	}
}

func TestFolderIsGone(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "s"))
	if err := os.Remove(f.Path()); err != nil {
		t.Fatal(err)
	}
	var creating sync.WaitGroup
	for range 4 {
		creating.Go(func() {
			r, err := f.Create(page)
			if err == nil {
				err = errors.Join(r.Err(), r.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	creating.Wait()
	if _, err := Open(f.Path(), 1); !errors.Is(err, ErrInUse) {
		t.Errorf("the new folder is not locked: %v", err)
	}
}

func TestFoldersThatCannotBeUsed(t *testing.T) {
	base := t.TempDir()
	used := open(t, filepath.Join(base, "used"))
	file, link, wide := filepath.Join(base, "file"), filepath.Join(base, "link"), filepath.Join(base, "wide")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(used.Path(), link), os.Mkdir(wide, 0o700), os.Chmod(wide, 0o777)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		err  error
		text string
	}{
		used.Path():                    {ErrInUse, "--shm-dir"},
		wide:                           {ErrExposed, "mode 0777"},
		file:                           {nil, "is no folder"},
		link:                           {nil, "is no folder"},
		filepath.Join(base, "no", "s"): {fs.ErrNotExist, ""},
		"/proc/s":                      {fs.ErrNotExist, ""},
	} {
		f, err := Open(path, 1<<20)
		if err == nil {
			t.Errorf("%s is taken", path)
			_ = f.Close()
			continue
		}
		if want.err != nil && !errors.Is(err, want.err) || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if left := names(t, base); len(left) != 4 {
		t.Errorf("left: %v", left)
	}
	if _, err := OpenIn(filepath.Join(base, "no"), 1, slog.New(slog.DiscardHandler)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// A folder that was there stays, with what others keep in it.
func TestFolderOfOthersStays(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "kept")
	stale := filepath.Join(dir, regionPrefix+strings.Repeat("a", 26))
	if err := errors.Join(os.WriteFile(kept, nil, 0o600), os.WriteFile(stale, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Error(err)
	}
	if left := names(t, dir); len(left) != 1 || left[0] != "kept" {
		t.Errorf("left: %v", left)
	}
}

func TestOpenIn(t *testing.T) {
	base := t.TempDir()
	dead := filepath.Join(base, "frameport-1")
	full := filepath.Join(base, "frameport-2")
	other := filepath.Join(base, "frameport-x")
	link := filepath.Join(base, "frameport-3")
	living := open(t, filepath.Join(base, "frameport-4"))
	create(t, living, page)
	stale := regionPrefix + strings.Repeat("b", 26)
	for _, dir := range []string{dead, full, other} {
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, stale), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(full, "mine"), nil, 0o600), os.Symlink(other, link)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	f, err := OpenIn(base, 1<<20, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the dead worker's folder: %v", err)
	}
	for dir, want := range map[string]string{full: "mine", other: stale} {
		if left := names(t, dir); len(left) != 1 || left[0] != want {
			t.Errorf("%s holds %v", dir, left)
		}
	}
	if left := names(t, living.Path()); len(left) != 1 {
		t.Errorf("a living worker has %v", left)
	}
	if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, dead) || !strings.Contains(text, full) {
		t.Error(text)
	}
	if again, err := OpenIn(base, 1<<20, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrInUse) {
		t.Errorf("taken twice: %v, %v", again, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
}
