package dl

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound is what every *OpenError is: no file of these names could be loaded.
	ErrNotFound = errors.New("library not found")
	// ErrNoSymbol is what every *SymbolError is: an older or foreign library.
	ErrNoSymbol = errors.New("symbol not found")
)

// Attempt is one path that did not work.
type Attempt struct {
	Path   string // as given to the dynamic linker
	Reason string // its message
}

// OpenError says what was tried, in order, and what the dynamic linker said.
type OpenError struct {
	Names    []string
	Attempts []Attempt
}

func (e *OpenError) Error() string {
	tried := make([]string, len(e.Attempts))
	for i, a := range e.Attempts {
		tried[i] = a.Path + ": " + a.Reason
	}
	return fmt.Sprintf("cannot load %s (tried %s)", strings.Join(e.Names, " or "), strings.Join(tried, "; "))
}

// Is matches ErrNotFound.
func (e *OpenError) Is(target error) bool { return target == ErrNotFound }

// SymbolError says that a library lacks a function under each of its names.
type SymbolError struct {
	Names []string
	Path  string
}

func (e *SymbolError) Error() string {
	return fmt.Sprintf("%s has no %s", e.Path, strings.Join(e.Names, " or "))
}

// Is matches ErrNoSymbol.
func (e *SymbolError) Is(target error) bool { return target == ErrNoSymbol }
