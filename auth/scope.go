package auth

import (
	"slices"
	"strings"

	"github.com/frameport/frameport/config"
)

// scope is which cameras somebody may see.
type scope struct {
	all      bool
	ids      []string        // sorted; empty = no camera, nil = the selector says which
	selector config.Selector // never empty
}

func everything() scope { return scope{all: true} }

func (s scope) includes(id string, labels map[string]string) bool {
	switch {
	case s.all:
		return true
	case s.ids != nil:
		_, found := slices.BinarySearch(s.ids, id)
		return found
	default:
		return !s.selector.Empty() && s.selector.Matches(labels)
	}
}

// String is the scope in words.
func (s scope) String() string {
	switch {
	case s.all:
		return "all cameras"
	case len(s.ids) > 0:
		return "the cameras " + strings.Join(s.ids, ", ")
	case s.ids != nil, s.selector.Empty():
		return "no camera"
	default:
		return "cameras with labels " + s.selector.String()
	}
}
