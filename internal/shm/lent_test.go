package shm_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/internal/shm"
)

// duplicate is what another process gets that is handed a region's file.
func duplicate(t *testing.T, f *os.File, name string) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), name)
}

// TestPrivate: who is handed the file writes what we read, and can't change its size.
func TestPrivate(t *testing.T) {
	r, err := shm.Private("test", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var closed []string
	folder := shm.Borrow(
		func(int64) (*os.File, error) { return duplicate(t, r.File(), "7"), nil },
		func(name string) { closed = append(closed, name) })
	lent, err := folder.Create(10_000)
	if err != nil {
		t.Fatal(err)
	}
	taken := func(r *shm.Region) int64 {
		var st unix.Stat_t
		if err := unix.Fstat(int(r.File().Fd()), &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks * 512
	}
	if n := taken(r); n != 0 || !lent.Sparse() {
		t.Errorf("%d bytes are taken before anybody writes", n)
	}
	copy(lent.Bytes(), "picture")
	if n := taken(r); n != int64(os.Getpagesize()) {
		t.Errorf("%d bytes are taken for one page", n)
	}
	if err := r.Back(0, 10_000); err != nil || taken(r) < 10_000 {
		t.Errorf("%d bytes are taken, %v", taken(r), err)
	}
	if string(r.Bytes()[:7]) != "picture" || lent.Name() != "7" || lent.Err() != nil || r.Err() != nil {
		t.Errorf("%q in %s; %v, %v", r.Bytes()[:7], lent.Name(), lent.Err(), r.Err())
	}
	for _, size := range []int64{0, 20_000} {
		if err := lent.File().Truncate(size); !errors.Is(err, unix.EPERM) {
			t.Errorf("size %d: %v", size, err)
		}
	}
	if _, err := unix.FcntlInt(lent.File().Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); !errors.Is(err, unix.EPERM) {
		t.Errorf("another seal: %v", err)
	}
	if _, err := folder.Create(20_000); !errors.Is(err, shm.ErrLost) { // more than there is
		t.Errorf("%v", err)
	}
	if err := errors.Join(lent.Close(), lent.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if len(closed) != 2 || closed[0] != "7" {
		t.Errorf("told of %v", closed)
	}
	if _, err := shm.Private("test", 0); err == nil {
		t.Error("a region of nothing")
	}
}

// TestLentFileIsLost: the one who was lent a file hears that it is gone, and does not
// remove it.
func TestLentFileIsLost(t *testing.T) {
	owner, err := shm.Open(filepath.Join(t.TempDir(), "s"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r, err := owner.Create(8192)
	if err != nil {
		t.Fatal(err)
	}
	lent, err := shm.Borrow(func(int64) (*os.File, error) { return duplicate(t, r.File(), "1"), nil }, func(string) {}).Create(8192)
	if err != nil {
		t.Fatal(err)
	}
	other, err := shm.Borrow(func(int64) (*os.File, error) { return duplicate(t, r.File(), "2"), nil }, func(string) {}).Create(8192)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if lent.Err() != nil || r.Err() != nil {
		t.Errorf("%v, %v", lent.Err(), r.Err())
	}
	if err := os.Truncate(r.Path(), 1); err != nil {
		t.Fatal(err)
	}
	lent.Bytes()[8000] = 1 // and it lives
	if !errors.Is(lent.Err(), shm.ErrLost) || lent.Whole() {
		t.Errorf("%v", lent.Err())
	}
	if err := os.Remove(r.Path()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lent.Close(), r.Close(), owner.Close()); err != nil {
		t.Error(err)
	}
}
