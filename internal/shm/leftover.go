package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	folderPrefix = "frameport-" // and the number of the process
	regionPrefix = "frameport-" // and 26 random letters
)

var (
	folderName = regexp.MustCompile("^" + folderPrefix + "[0-9]+$")
	regionName = regexp.MustCompile("^" + regionPrefix + "[a-z2-7]{26}$")
)

// OpenIn is Open for the folder that a worker has when nobody chose one: frameport-PID
// in base. Before, it removes the folders of this user's workers that have died: those
// that nobody has locked, since the system ends a lock with its process, and numbers of
// processes mean nothing in another container. What could not be removed is logged.
func OpenIn(base string, limit int64, log *slog.Logger) (*Folder, error) {
	path := filepath.Join(base, folderPrefix+strconv.Itoa(os.Getpid()))
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil, fmt.Errorf("folder for shared memory: %w", err)
	}
	for _, e := range entries {
		dead := filepath.Join(base, e.Name())
		if !folderName.MatchString(e.Name()) || dead == path {
			continue
		}
		switch files, err := removeDead(dead); {
		case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, fs.ErrNotExist), errors.Is(err, errForeign):
		case err != nil:
			log.Warn("shared memory of a worker that has died was not removed", "folder", dead, "error", err)
		default:
			log.Info("shared memory of a worker that has died was removed", "folder", dead, "files", files)
		}
	}
	f, err := Open(path, limit)
	if err == nil {
		f.made = true // also when a worker of the same number left it behind
	}
	return f, err
}

var errForeign = errors.New("not a folder of this user")

// removeDead removes a folder that no living worker has, and returns how many regions
// were in it. Other files stay, and with them the folder.
func removeDead(path string) (files int, err error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR), errors.Is(err, fs.ErrPermission):
		return 0, errForeign
	case err != nil:
		return 0, err
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return 0, err
	}
	if int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
		return 0, errForeign
	}
	if err := flock(dir, unix.LOCK_SH); err != nil {
		return 0, err
	}
	if files, err = empty(dir); err != nil {
		return files, err
	}
	return files, os.Remove(path)
}

// empty removes the regions in a folder that the caller has locked.
func empty(dir *os.File) (files int, err error) {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if !regionName.MatchString(name) {
			continue
		}
		if rerr := unix.Unlinkat(int(dir.Fd()), name, 0); rerr != nil && !errors.Is(rerr, unix.ENOENT) {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", filepath.Join(dir.Name(), name), rerr))
			continue
		}
		files++
	}
	return files, err
}
