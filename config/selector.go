package config

import (
	"slices"
	"strings"
)

// maxSelector is the longest label selector in bytes.
const maxSelector = 1024

// Selector chooses cameras by their labels. The zero value matches all.
type Selector struct {
	requirements []requirement
}

type operator uint8

const (
	opEqual operator = iota
	opNotEqual
	opIn
	opNotIn
	opExists
	opAbsent
)

type requirement struct {
	key    string
	op     operator
	values []string
}

// ParseSelector reads a label selector in the style of Kubernetes: requirements
// joined by commas, all of which must hold.
//
//	key=value   key==value   key!=value   key in (a,b)   key notin (a,b)   key   !key
//
// As there, "!=" and "notin" also hold where the key is missing. The error is a
// [*Problems] for field label_selector that says where the text is wrong.
func ParseSelector(text string) (Selector, error) {
	p := selectorParser{text: text}
	if len(text) > maxSelector {
		return Selector{}, p.fail("is %d bytes long, %d are allowed", len(text), maxSelector)
	}
	p.space()
	if p.pos == len(text) {
		return Selector{}, nil
	}
	var s Selector
	for {
		r, err := p.requirement()
		if err != nil {
			return Selector{}, err
		}
		s.requirements = append(s.requirements, r)
		p.space()
		if p.pos == len(text) {
			return s, nil
		}
		if !p.take(",") {
			return Selector{}, p.fail("has %q at position %d; join requirements with a comma", p.rest(), p.pos+1)
		}
	}
}

// Empty reports whether the selector matches everything.
func (s Selector) Empty() bool { return len(s.requirements) == 0 }

// Matches reports whether labels meet all requirements.
func (s Selector) Matches(labels map[string]string) bool {
	for _, r := range s.requirements {
		if !r.matches(labels) {
			return false
		}
	}
	return true
}

// String returns the selector in its shortest form; ParseSelector reads it back.
func (s Selector) String() string {
	parts := make([]string, len(s.requirements))
	for i, r := range s.requirements {
		parts[i] = r.String()
	}
	return strings.Join(parts, ",")
}

func (r requirement) matches(labels map[string]string) bool {
	v, has := labels[r.key]
	switch r.op {
	case opEqual, opIn:
		return has && slices.Contains(r.values, v)
	case opNotEqual, opNotIn:
		return !has || !slices.Contains(r.values, v)
	case opExists:
		return has
	default:
		return !has
	}
}

func (r requirement) String() string {
	switch r.op {
	case opEqual:
		return r.key + "=" + r.values[0]
	case opNotEqual:
		return r.key + "!=" + r.values[0]
	case opIn:
		return r.key + " in (" + strings.Join(r.values, ",") + ")"
	case opNotIn:
		return r.key + " notin (" + strings.Join(r.values, ",") + ")"
	case opExists:
		return r.key
	default:
		return "!" + r.key
	}
}
