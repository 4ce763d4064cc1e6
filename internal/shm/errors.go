package shm

import "errors"

var (
	// ErrInUse: a living worker has the folder.
	ErrInUse = errors.New("folder is used by another worker")
	// ErrExposed: others could put files of theirs into the folder.
	ErrExposed = errors.New("folder is open to other users")
	// ErrFull: there is no room for a region. The text says what to do.
	ErrFull = errors.New("no room for shared memory")
	// ErrLost: somebody has shortened or removed the file of a region.
	ErrLost = errors.New("shared memory is lost")
	// ErrElsewhere: a region can't have a name in a folder of another file system.
	ErrElsewhere = errors.New("shared memory is on another file system")
	// ErrClosed: the folder has been closed.
	ErrClosed = errors.New("folder of shared memory is closed")
)
