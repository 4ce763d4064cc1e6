package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFile bounds the files of this package, in bytes.
const maxFile = 1 << 20

// file is a file that is read again and again.
type file struct {
	path string
	// forbidden are permissions that it must not have, with the reason.
	forbidden fs.FileMode
	why       string

	last []byte
	seen bool
}

// read returns the contents and whether they differ from those of the last call that
// worked. An error says what to do.
func (f *file) read() (data []byte, changed bool, err error) {
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, false, err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, false, err
	}
	if mode := info.Mode().Perm(); mode&f.forbidden != 0 {
		return nil, false, fmt.Errorf("%s %s (mode %04o); run: chmod %04o %s", f.path, f.why, mode, mode&^f.forbidden, f.path)
	}
	data, err = io.ReadAll(io.LimitReader(opened, maxFile+1))
	switch {
	case err != nil:
		return nil, false, err
	case len(data) > maxFile:
		return nil, false, fmt.Errorf("%s is larger than %d KiB; is it the right file?", f.path, maxFile>>10)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, false, fmt.Errorf("%s: %w", f.path, errEmpty)
	}
	changed = !f.seen || !bytes.Equal(data, f.last)
	f.last, f.seen = data, true
	return data, changed, nil
}

var errEmpty = errors.New("the file is empty")
