package dl

import (
	"fmt"
	"path/filepath"
	"strings"
	"unsafe"
)

// Library is an open shared library.
type Library struct {
	name   string
	path   string
	handle unsafe.Pointer
}

// Open loads the first library that works: every name in every folder of dirs,
// folder by folder, then every name as the dynamic linker finds it (cache,
// LD_LIBRARY_PATH). Empty folders are passed over. When none works the error is
// an *OpenError, which says what was tried.
func Open(names, dirs []string) (*Library, error) {
	failure := &OpenError{Names: names}
	try := func(name, path string) *Library {
		handle, err := open(path)
		if err != nil {
			failure.Attempts = append(failure.Attempts, Attempt{Path: path, Reason: reason(err, path)})
			return nil
		}
		loaded := file(handle)
		if loaded == "" {
			loaded = path
		}
		return &Library{name: name, path: loaded, handle: handle}
	}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		// A name without a slash would be looked up elsewhere.
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("library folder: %w", err)
		}
		for _, name := range names {
			if l := try(name, filepath.Join(dir, name)); l != nil {
				return l, nil
			}
		}
	}
	for _, name := range names {
		if l := try(name, name); l != nil {
			return l, nil
		}
	}
	return nil, failure
}

// reason is the linker's message without the path that stands before it.
func reason(err error, path string) string {
	return strings.TrimPrefix(err.Error(), path+": ")
}

// Symbol returns the address of the first name that the library has: newest
// version first, plain name last.
func (l *Library) Symbol(names ...string) (unsafe.Pointer, error) {
	for _, name := range names {
		if p := symbol(l.handle, name); p != nil {
			return p, nil
		}
	}
	return nil, &SymbolError{Names: names, Path: l.path}
}

// Name is the name, of those given to Open, that was found.
func (l *Library) Name() string { return l.name }

// Path is the file that was loaded.
func (l *Library) Path() string { return l.path }
