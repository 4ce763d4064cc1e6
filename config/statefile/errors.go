package statefile

import "errors"

// Errors that callers branch on. What Open returns adds the path and what to do.
var (
	// ErrLocked: another process uses the state folder.
	ErrLocked = errors.New("state folder is in use by another process")
	// ErrDamaged: the file is torn or was altered.
	ErrDamaged = errors.New("state file is damaged")
	// ErrForeign: the file was not written by this program.
	ErrForeign = errors.New("not a state file of frameport")
	// ErrNewer: the file was written by a newer version.
	ErrNewer = errors.New("state file is from a newer version of frameport")
	// ErrKey: the file is encrypted and the key is missing or another one.
	ErrKey = errors.New("state file needs its key")
	// ErrExposed: others than the owner can access the file or change the folder.
	ErrExposed = errors.New("state is open to other users")
	// ErrClosed: the File has been closed.
	ErrClosed = errors.New("state file is closed")
)
