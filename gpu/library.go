package gpu

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/frameport/frameport/internal/dl"
)

// LibraryConfig says where the driver's libraries are looked for.
type LibraryConfig struct {
	// Path is a folder, or several with the system's list separator between them,
	// that are searched before the dynamic linker's own places. May be empty.
	Path string
}

// Dirs are the folders of Path.
func (c LibraryConfig) Dirs() []string {
	var dirs []string
	for _, dir := range filepath.SplitList(c.Path) {
		if dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

const (
	cudaLibrary  = "libcuda.so.1"
	cuvidLibrary = "libnvcuvid.so.1"
)

// Reasons for a library that cannot be loaded.
const (
	noDriverReason = "there is no NVIDIA driver on this machine; in a container, start it with the NVIDIA runtime (docker run --gpus all) and NVIDIA_DRIVER_CAPABILITIES=compute,video,utility"
	noVideoReason  = "the driver is here without its video decoder: in a container set NVIDIA_DRIVER_CAPABILITIES=compute,video,utility, on a host install the driver's video libraries (Debian: libnvcuvid1)"
	wrongReason    = "the file is there and cannot be used"
	oldReason      = "the driver is too old: version 470 or newer is needed"
)

// loadLibrary opens one library; kind and absent say what it means when it is missing.
func loadLibrary(name string, dirs []string, kind error, absent string) (*dl.Library, error) {
	l, err := dl.Open([]string{name}, dirs)
	if err == nil {
		return l, nil
	}
	e := &Error{Op: "load " + name, Err: err, Reason: absent, kind: kind}
	if broken(err) {
		e.Reason = wrongReason
	}
	return nil, e
}

// broken says whether a file was found and refused: of another architecture, cut
// short, or in need of a library that is missing.
func broken(err error) bool {
	var open *dl.OpenError
	if !errors.As(err, &open) {
		return true
	}
	for _, a := range open.Attempts {
		missing := strings.HasSuffix(a.Reason, "cannot open shared object file: No such file or directory")
		// The name of a library that it needs stands before the message then.
		if !missing || strings.Contains(a.Reason, ".so") {
			return true
		}
	}
	return false
}

// symbolError is for a library that lacks a function we need.
func symbolError(name string, kind, err error) error {
	return &Error{Op: "load " + name, Err: err, Reason: oldReason, kind: kind}
}
