package statefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/failpoint"
)

const (
	fileName = "cameras.json"
	tempName = "cameras.json.tmp"
	lockName = "lock"
	maxBytes = 256 << 20
)

// File is the state file of one state folder, locked for this process.
type File struct {
	dir string
	key *Key // nil = it is not encrypted

	plain bool // there is a key, and what was read is not encrypted

	mu      sync.Mutex
	encoder encoder
	lock    *os.File // nil after Close
}

// Open locks the state folder dir, which is made when it is missing, and returns
// what is stored there: nothing when there is no state file yet. The errors above
// come with the path and what to do; the file is then as it was. With a key, a plain
// file is taken as well, and what is saved is encrypted; nil means that nothing is.
func Open(dir string, key *Key) (*File, []config.Record, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("state folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("state folder: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return nil, nil, fmt.Errorf("%w: folder %s can be changed by them (mode %04o); run: chmod go-w %s", ErrExposed, dir, mode, dir)
	}
	lock, err := acquire(filepath.Join(dir, lockName))
	if err != nil {
		return nil, nil, err
	}
	f := &File{dir: dir, key: key, lock: lock}
	records, err := f.load()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	// What a crash has left may hold passwords in the clear, also when there is a key by
	// now. What can't be removed makes the next save fail.
	_ = os.Remove(filepath.Join(dir, tempName))
	return f, records, nil
}

// Plain says that Open found a file that is not encrypted although there is a key: it
// stays as it is until the next Save.
func (f *File) Plain() bool { return f.plain }

// Path returns where the state is kept.
func (f *File) Path() string { return filepath.Join(f.dir, fileName) }

func acquire(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s; stop the other frameport, or use another --state-dir", ErrLocked, filepath.Dir(path))
		}
		return nil, fmt.Errorf("state folder: lock %s: %w", path, err)
	}
	return lock, nil
}

func (f *File) load() ([]config.Record, error) {
	file, err := os.OpenFile(f.Path(), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s holds passwords and has mode %04o; run: chmod 600 %s", ErrExposed, f.Path(), mode, f.Path())
	}
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%w: %s is larger than %d MiB; nothing was changed", ErrForeign, f.Path(), maxBytes>>20)
	}
	records, err := decode(data, f.key)
	switch {
	case errors.Is(err, ErrKey):
		return nil, fmt.Errorf("%s: %w; nothing was changed. Without the key the cameras are lost: move it aside and add them again: mv %s %s.sealed",
			f.Path(), err, f.Path(), f.Path())
	case errors.Is(err, ErrNewer):
		return nil, fmt.Errorf("%s: %w; nothing was changed. Use the version that wrote it, or move it aside and add the cameras again: mv %s %s.newer",
			f.Path(), err, f.Path(), f.Path())
	case err != nil:
		return nil, fmt.Errorf("%s: %w; nothing was changed. Put back a good copy, or move it aside and add the cameras again: mv %s %s.damaged",
			f.Path(), err, f.Path(), f.Path())
	}
	f.plain = f.key != nil && !isSealed(data)
	return records, nil
}

// Save replaces the stored cameras by records. When it returns nil they survive a
// crash; with an error the file is as it was, unless the very last step, the
// folder's sync, failed.
func (f *File) Save(ctx context.Context, records []config.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return ErrClosed
	}
	data, err := f.encoder.encode(records)
	if err == nil && f.key != nil {
		data, err = seal(data, f.key)
	}
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	temp := filepath.Join(f.dir, tempName)
	if err := writeSynced(temp, data); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("state file: %w", err)
	}
	if err := os.Rename(temp, f.Path()); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("state file: %w", err)
	}
	return syncFolder(f.dir)
}

func writeSynced(path string, data []byte) error {
	// A left-over of a crash may have any mode or be a link: never reuse it.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if failpoint.DiskFull.Hit("") {
		err = syscall.ENOSPC
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	return nil
}

// Close gives the folder up for other processes. It is idempotent.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock == nil {
		return nil
	}
	// The lock file stays: removing it would let two processes lock two files of
	// one name.
	err := f.lock.Close()
	f.lock = nil
	return err
}
