package shm

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/internal/failpoint"
)

// Folder holds the regions of one worker, which no other worker uses meanwhile.
type Folder struct {
	path  string
	limit int64
	loan  *loan // of [Borrow]

	mu      sync.Mutex
	lock    *os.File // the folder; nil after Close
	made    bool     // by us: Close removes it
	regions int
	bytes   int64
}

// Open takes the folder at path, which is made when it is missing, and removes what a
// worker that died left in it. Regions may have limit bytes in all. The space for a
// small one is tried. Errors are [ErrInUse], [ErrExposed], or of the system.
func Open(path string, limit int64) (*Folder, error) {
	f := &Folder{path: path, limit: limit}
	if err := f.take(); err != nil {
		return nil, fmt.Errorf("folder for shared memory: %w", err)
	}
	_, err := empty(f.lock)
	if err == nil {
		err = f.try()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("folder for shared memory: %w", err), f.Close())
	}
	return f, nil
}

// try makes the smallest region, and writes to it.
func (f *Folder) try() error {
	r, err := f.create(int64(os.Getpagesize()))
	if err != nil {
		return err
	}
	r.Bytes()[0] = 1
	return errors.Join(r.Err(), r.Close())
}

// Path is where the folder is.
func (f *Folder) Path() string { return f.path }

// Limit is what all regions may have together, in bytes.
func (f *Folder) Limit() int64 { return f.limit }

// Bytes is what the regions have now.
func (f *Folder) Bytes() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

// Create makes a region of size bytes, more than 0, filled with zeros. [ErrFull] says
// that the limit, the file system or the system has no room.
func (f *Folder) Create(size int64) (*Region, error) {
	if size <= 0 {
		return nil, fmt.Errorf("region of %d bytes", size)
	}
	if f.loan != nil {
		return f.loan.region(size)
	}
	if failpoint.SharedMemory.Hit("") {
		return nil, fmt.Errorf("%w: a failpoint says so", ErrFull)
	}
	f.mu.Lock()
	if f.lock == nil {
		f.mu.Unlock()
		return nil, ErrClosed
	}
	if f.bytes+size > f.limit {
		defer f.mu.Unlock()
		return nil, fmt.Errorf("%w: %d bytes are taken and %d more wanted, and the worker allows %d; end streams that are not needed, or raise --shm-limit", ErrFull, f.bytes, size, f.limit)
	}
	f.bytes += size
	f.regions++
	f.mu.Unlock()
	r, err := f.create(size)
	if err != nil {
		f.closed(size)
		return nil, err
	}
	r.closed = func() { f.closed(size) }
	return r, nil
}

func (f *Folder) closed(size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes -= size
	f.regions--
}

func (f *Folder) create(size int64) (*Region, error) {
	name := regionPrefix + strings.ToLower(rand.Text())
	path := filepath.Join(f.path, name)
	r, err := newRegion(name, path, size)
	if errors.Is(err, fs.ErrNotExist) { // somebody has removed the folder
		if err = f.retake(); err == nil {
			r, err = newRegion(name, path, size)
		}
	}
	if err != nil {
		return nil, err
	}
	r.closed = func() {}
	return r, nil
}

// retake makes the folder again.
func (f *Folder) retake() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return ErrClosed
	}
	if f.ours() { // another one was faster
		return nil
	}
	old := f.lock
	if err := f.take(); err != nil {
		return err
	}
	return old.Close()
}

// Close gives the folder back, and removes it when Open made it. It fails when a region
// was not closed. Calls after the first do nothing.
func (f *Folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return nil
	}
	var err error
	if f.regions != 0 {
		err = fmt.Errorf("%d regions of shared memory with %d bytes are left in %s", f.regions, f.bytes, f.path)
	}
	if f.made && f.ours() {
		if rerr := os.Remove(f.path); !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	err = errors.Join(err, f.lock.Close())
	f.lock = nil
	return err
}

// ours says whether the folder at the path is the one that is locked.
func (f *Folder) ours() bool {
	locked, err := f.lock.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(f.path)
	return err == nil && os.SameFile(now, locked)
}

// patience bounds the wait for another worker that clears the folder up.
const patience = 5 * time.Second

// take makes the folder and locks it. A worker that looks for left-overs may lock it for
// a moment, and remove it.
func (f *Folder) take() error {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := f.attempt()
		switch {
		case err != nil:
			return err
		case done:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%w: %s is locked all the time", ErrInUse, f.path)
		}
		<-tick.C
	}
}

// attempt is one try; done is false when another one may help.
func (f *Folder) attempt() (done bool, err error) {
	err = os.Mkdir(f.path, 0o700)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	lock, err := os.OpenFile(f.path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return false, fmt.Errorf("%s is no folder: remove it, or choose another one with --shm-dir", f.path)
	case err != nil:
		return false, err
	}
	defer func() {
		if !done {
			err = errors.Join(err, lock.Close())
		}
	}()
	if made {
		err = lock.Chmod(0o700) // whatever the umask is
	} else {
		err = private(lock)
	}
	if err != nil {
		return false, err
	}
	switch err := flock(lock, unix.LOCK_EX); {
	case errors.Is(err, unix.EWOULDBLOCK):
		// A worker has it alone; those that clear up have it together with us.
		if err := flock(lock, unix.LOCK_SH); errors.Is(err, unix.EWOULDBLOCK) {
			return false, fmt.Errorf("%w: %s; give each worker a folder of its own with --shm-dir", ErrInUse, f.path)
		}
		return false, nil
	case err != nil:
		return false, fmt.Errorf("lock %s: %w", f.path, err)
	}
	next := &Folder{path: f.path, lock: lock}
	if !next.ours() { // removed meanwhile
		return false, nil
	}
	f.lock, f.made = lock, f.made || made
	return true, nil
}

func flock(f *os.File, how int) error {
	return retry(func() error { return unix.Flock(int(f.Fd()), how|unix.LOCK_NB) })
}

// private refuses folders in which others could change files.
func private(dir *os.File) error {
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner != os.Geteuid() && owner != 0 || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%w: %s (mode %04o, of user %d); name one that does not exist yet, which the worker makes for itself", ErrExposed, dir.Name(), info.Mode().Perm(), owner)
	}
	return nil
}
