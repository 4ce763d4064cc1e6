package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Names is the folder of the names that shm_open takes.
const Names = "/dev/shm"

// Link is a second name of a region's file, for programs that open it with shm_open: that
// takes no name in a folder. It is meant to be there only while such a program opens it.
type Link struct{ path string }

// Link gives the region's file another name in dir, which is [Names] but for tests.
// [ErrElsewhere] says that dir is on another file system than the region. A link that is
// left by a worker that died is removed by [RemoveDeadLinks].
func (r *Region) Link(dir string) (*Link, error) {
	// The lock tells others that we live. It is given back with the file.
	if err := flock(r.file, unix.LOCK_SH); err != nil {
		return nil, fmt.Errorf("lock %s: %w", r.path, err)
	}
	l := &Link{filepath.Join(dir, r.name)}
	switch err := os.Link(r.path, l.path); {
	case errors.Is(err, unix.EXDEV):
		return nil, fmt.Errorf("%w: %s is not on the file system of %s", ErrElsewhere, filepath.Dir(r.path), dir)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: somebody has removed %s", ErrLost, r.path)
	case err != nil:
		return nil, err
	}
	return l, nil
}

// Key is what shm_open is given.
func (l *Link) Key() string { return "/" + filepath.Base(l.path) }

// Remove removes the link. Calls after the first do nothing.
func (l *Link) Remove() error {
	if err := os.Remove(l.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveDeadLinks removes the links in dir that this user's workers left when they died.
// What could not be removed is logged.
func RemoveDeadLinks(dir string, log *slog.Logger) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		log.Warn("shared memory of workers that have died was not looked for", "folder", dir, "error", err)
		return
	}
	for _, e := range entries {
		if !regionName.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		switch err := removeDeadLink(path); {
		case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, fs.ErrNotExist), errors.Is(err, errForeign):
		case err != nil:
			log.Warn("shared memory of a worker that has died was not removed", "file", path, "error", err)
		default:
			log.Info("shared memory of a worker that has died was removed", "file", path)
		}
	}
}

// removeDeadLink removes a link whose file no living worker has locked.
func removeDeadLink(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, fs.ErrPermission):
		return errForeign
	case err != nil:
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() || !info.Mode().IsRegular() {
		return errForeign
	}
	if err := flock(f, unix.LOCK_EX); err != nil {
		return err
	}
	return os.Remove(path)
}
