package shm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func fill(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// A file that is shortened while many write ends nothing: the writers go on, Err says
// it, and other regions are as they were.
func TestTruncated(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "s"))
	const size = 64 * page
	for _, left := range []int64{0, page, size - page} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			r, other := create(t, f, size), create(t, f, size)
			fill(r.Bytes(), 1)
			fill(other.Bytes(), 2)
			if err := os.Truncate(r.Path(), left); err != nil {
				t.Fatal(err)
			}
			var writing sync.WaitGroup
			for i := range 4 {
				writing.Go(func() { fill(r.Bytes()[i*size/4:][:size/4], 3) })
			}
			writing.Wait()
			if n := copy(r.Bytes(), other.Bytes()); n != size || r.Bytes()[size-1] != 2 {
				t.Errorf("copied %d, %d", n, r.Bytes()[size-1])
			}
			if err := r.Err(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "shortened "+r.Path()) {
				t.Errorf("%v", err)
			}
			// Making it longer again does not bring it back: nobody sees what is written.
			if err := os.Truncate(r.Path(), size); err != nil {
				t.Fatal(err)
			}
			if err := r.Err(); !errors.Is(err, ErrLost) || r.Whole() {
				t.Errorf("grown again: %v", err)
			}
			if seen, err := os.ReadFile(other.Path()); err != nil || seen[0] != 2 || seen[size-1] != 2 || other.Err() != nil {
				t.Errorf("another region: %v, %v", err, other.Err())
			}
		})
	}
	// What is where they were is no longer guarded.
	for g := range 2 {
		if r := create(t, f, page); r.Err() != nil {
			t.Errorf("region %d afterwards: %v", g, r.Err())
		}
	}
}

// The kernel's own writes don't get SIGBUS but an error, and leave nothing broken.
func TestTruncatedUnderASystemCall(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "s"))
	r := create(t, f, page)
	if err := os.Truncate(r.Path(), 0); err != nil {
		t.Fatal(err)
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	if _, err := zero.Read(r.Bytes()); !errors.Is(err, unix.EFAULT) {
		t.Errorf("%v", err)
	}
	if err := r.Err(); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
}

func TestRemoved(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "s"))
	r := create(t, f, page)
	if err := os.Remove(r.Path()); err != nil {
		t.Fatal(err)
	}
	r.Bytes()[0] = 1
	if err := r.Err(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "removed "+r.Path()) {
		t.Errorf("%v", err)
	}
	ours := create(t, f, page)
	if err := errors.Join(ours.Remove(), ours.Remove(), ours.Err()); err != nil {
		t.Error(err)
	}
	if left := names(t, f.Path()); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Faults elsewhere are what they were: a panic that Go code can recover from.
func TestOtherFaultsGoOn(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "s"))
	r := create(t, f, page)
	file, err := os.Create(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(page); err != nil {
		t.Fatal(err)
	}
	mapped, err := unix.Mmap(int(file.Fd()), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(mapped); err != nil {
			t.Error(err)
		}
	}()
	if err := file.Truncate(0); err != nil {
		t.Fatal(err)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	fault := func() (v any) {
		defer func() { v = recover() }()
		mapped[0] = 1
		return nil
	}
	for range 2 {
		if v := fault(); v == nil {
			t.Error("no fault")
		}
	}
	if r.Err() != nil {
		t.Error(r.Err())
	}
}
