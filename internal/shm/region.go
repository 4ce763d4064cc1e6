package shm

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Region is a file of shared memory, mapped for reading and writing.
type Region struct {
	name, path string
	file       *os.File
	bytes      []byte
	guard      guard
	sealed     bool   // nobody can shorten it: there is no guard
	lent       bool   // its name is another process's affair
	sparse     bool   // a page has memory from when it is written
	closed     func() // tells the folder

	mu      sync.Mutex
	removed bool // by Remove
	gone    bool // after Close
}

// Name is never used twice, also over restarts.
func (r *Region) Name() string { return r.name }

// Path is the file that readers open.
func (r *Region) Path() string { return r.path }

// File is the memory as a file, to be handed to another process. It is the region's.
func (r *Region) File() *os.File { return r.file }

// Bytes is the memory. Reading and writing it never fails; whether readers see what was
// written says Err. It must not be used after Close.
func (r *Region) Bytes() []byte { return r.bytes }

// Sparse says whether a page takes memory only from when it is written first.
func (r *Region) Sparse() bool { return r.sparse }

// Err returns why readers may not see what was written until now: an [ErrLost], or nil.
// It may not be called after Close.
func (r *Region) Err() error {
	var st unix.Stat_t
	switch err := retry(func() error { return unix.Fstat(int(r.file.Fd()), &st) }); {
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrLost, r.path, err)
	case r.shortened(st.Size):
		return fmt.Errorf("%w: somebody has shortened %s", ErrLost, r.path)
	case st.Nlink == 0 && !r.isRemoved():
		return fmt.Errorf("%w: somebody has removed %s", ErrLost, r.path)
	}
	return nil
}

// Whole says whether what was written is still there for this process: it is not when
// somebody has shortened the file. It may not be called after Close.
func (r *Region) Whole() bool {
	var st unix.Stat_t
	return retry(func() error { return unix.Fstat(int(r.file.Fd()), &st) }) == nil && !r.shortened(st.Size)
}

func (r *Region) shortened(size int64) bool {
	return !r.sealed && r.guard.broken() || size < int64(len(r.bytes))
}

func (r *Region) isRemoved() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removed
}

// Remove removes the file: nobody can open it any more. Who has it mapped keeps it. It
// may be called more than once, and need not be called before Close.
func (r *Region) Remove() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removeLocked()
}

func (r *Region) removeLocked() error {
	if r.removed {
		return nil
	}
	r.removed = true
	if r.lent || r.sealed {
		return nil
	}
	err := unix.Unlink(r.path)
	if errors.Is(err, syscall.ENOENT) { // somebody else did it
		return nil
	}
	return err
}

// Close removes the file and gives the memory back. Calls after the first do nothing.
func (r *Region) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return nil
	}
	r.gone = true
	err := r.removeLocked()
	if !r.sealed {
		r.guard.remove()
	}
	err = errors.Join(err, unix.Munmap(r.bytes), r.file.Close())
	r.bytes = nil
	r.closed()
	return err
}

// chunk is how much space is taken at a time, so that a signal does not undo all of it.
const chunk = 16 << 20

// newRegion makes the file at path, with all its space.
func newRegion(name, path string, size int64) (_ *Region, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(path))
		}
	}()
	if err := file.Chmod(0o600); err != nil { // whatever the umask is
		return nil, err
	}
	fd := int(file.Fd())
	for at := int64(0); at < size; at += chunk {
		if err := retry(func() error { return unix.Fallocate(fd, 0, at, min(chunk, size-at)) }); err != nil {
			return nil, allocation(err, path, size)
		}
	}
	bytes, g, err := guarded(fd, path, size, populated)
	if err != nil {
		return nil, err
	}
	return &Region{name: name, path: path, file: file, bytes: bytes, guard: g}, nil
}

// populated maps memory that is there already.
const populated = unix.MAP_SHARED | unix.MAP_POPULATE

// guarded maps a file that somebody may shorten.
func guarded(fd int, path string, size int64, how int) ([]byte, guard, error) {
	bytes, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, how)
	if err != nil {
		return nil, 0, fmt.Errorf("map %d bytes of %s: %w", size, path, err)
	}
	g, err := addGuard(bytes)
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("%w: this worker has too many regions; end streams that are not needed", ErrFull)
		}
		return nil, 0, errors.Join(err, unix.Munmap(bytes))
	}
	return bytes, g, nil
}

// allocation says what to do when space could not be taken.
func allocation(err error, path string, size int64) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: %d bytes for %s: %w; make its file system larger (in a container with --shm-size), or choose another one with --shm-dir", ErrFull, size, path, err)
	case errors.Is(err, unix.EFBIG): // Go ignores the signal that comes with it
		return fmt.Errorf("%w: %d bytes for %s: %w, a limit of this process; raise it with ulimit -f or LimitFSIZE=", ErrFull, size, path, err)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%w: %d bytes for %s: %w", ErrFull, size, path, err)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("the file system of %s takes no space in advance: %w; choose a folder in memory with --shm-dir, such as one in /dev/shm", path, err)
	default:
		return fmt.Errorf("take %d bytes for %s: %w", size, path, err)
	}
}

// retry calls f again when a signal has interrupted it.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
