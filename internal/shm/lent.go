package shm

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Private makes a region of size bytes that has no name: only who is handed its
// [Region.File] can map it. Nobody can change its size, so it needs no guard; this
// process can only read it.
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
	for at := int64(0); at < size; at += chunk {
		if err := retry(func() error { return unix.Fallocate(fd, 0, at, min(chunk, size-at)) }); err != nil {
			if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.ENOMEM) {
				err = fmt.Errorf("%w: %w", ErrFull, err)
			}
			return nil, fmt.Errorf("memory for another process: %d bytes: %w", size, err)
		}
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, fmt.Errorf("memory for another process: seal: %w", err)
	}
	bytes, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("memory for another process: map %d bytes: %w", size, err)
	}
	return &Region{name: name, file: file, bytes: bytes, sealed: true, removed: true, closed: func() {}}, nil
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
	bytes, g, err := guarded(int(file.Fd()), file.Name(), size)
	if err != nil {
		return fail(err)
	}
	return &Region{
		name: file.Name(), file: file, bytes: bytes, guard: g, lent: true,
		removed: st.Nlink == 0, // it never had a name
		closed:  func() { l.closed(file.Name()) },
	}, nil
}
