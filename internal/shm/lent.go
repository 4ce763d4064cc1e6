package shm

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Private makes a region of size bytes that has no name: only who is handed its
// [Region.File] can map it. Nobody can change its size, so it needs no guard; this
// process can only read it. It has no memory at first: each page gets some when somebody
// writes it, or with [Region.Back].
func Private(name string, size int64) (_ *Region, err error) {
	if size <= 0 {
		return nil, fmt.Errorf("region of %d bytes", size)
	}
	const plain = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, plain|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate(name, plain)
	}
	if err != nil {
		return nil, fmt.Errorf("memory for another process: %w", err)
	}
	file := os.NewFile(uintptr(fd), name)
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if err := retry(func() error { return unix.Ftruncate(fd, size) }); err != nil {
		return nil, fmt.Errorf("memory for another process: %d bytes: %w", size, err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, fmt.Errorf("memory for another process: seal: %w", err)
	}
	bytes, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("memory for another process: map %d bytes: %w", size, err)
	}
	return &Region{name: name, file: file, bytes: bytes, sealed: true, removed: true, closed: func() {}}, nil
}

// Back gives a part of a region of [Private] memory, where it has none yet. Only then it
// is sure that it can be read: without memory for it, that ends the process. The error is
// an [ErrFull], or of the system.
func (r *Region) Back(offset, size int64) error {
	err := retry(func() error { return unix.Fallocate(int(r.file.Fd()), 0, offset, size) })
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.ENOMEM) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	if err != nil {
		return fmt.Errorf("memory for another process: %d bytes: %w", size, err)
	}
	return nil
}

// loan is where a folder without a path has its regions from.
type loan struct {
	create func(size int64) (*os.File, error)
	closed func(name string)
}

// Borrow returns a folder for a process that has no file system. create gives files of
// at least size bytes that another process has made, and closed is told their names
// when the regions are closed. Files of [Region.File] keep their abilities, but who has
// made them removes them. The folder needs no Close.
func Borrow(create func(size int64) (*os.File, error), closed func(name string)) *Folder {
	return &Folder{loan: &loan{create, closed}}
}

func (l *loan) region(size int64) (*Region, error) {
	if size <= 0 {
		return nil, fmt.Errorf("region of %d bytes", size)
	}
	file, err := l.create(size)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Region, error) {
		err = errors.Join(err, file.Close())
		l.closed(file.Name())
		return nil, err
	}
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(int(file.Fd()), &st) }); err != nil {
		return fail(err)
	}
	if st.Size < size {
		return fail(fmt.Errorf("%w: a file of %d bytes for %d", ErrLost, st.Size, size))
	}
	nameless := st.Nlink == 0 // it never had a name: who has made it takes memory as it is used
	how := populated
	if nameless {
		how = unix.MAP_SHARED
	}
	bytes, g, err := guarded(int(file.Fd()), file.Name(), size, how)
	if err != nil {
		return fail(err)
	}
	return &Region{
		name: file.Name(), file: file, bytes: bytes, guard: g, lent: true,
		removed: nameless, sparse: nameless,
		closed: func() { l.closed(file.Name()) },
	}, nil
}
