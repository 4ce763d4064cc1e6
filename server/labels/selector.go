package labels

import (
	"errors"
	"fmt"
	"strings"
)

// MaxSelector is the longest selector that Parse takes, in bytes.
const MaxSelector = 1024

// maxName is the longest key and value, in bytes, as config.Camera allows them.
const maxName = 63

// ErrSelector marks text that is not a label selector.
var ErrSelector = errors.New("invalid label selector")

type operator uint8

const (
	equal operator = iota
	notEqual
	present
	absent
)

type requirement struct {
	op         operator
	key, value string
}

// Selector chooses label sets. The zero value chooses all of them.
type Selector struct {
	requirements []requirement
}

// Parse reads a selector: requirements joined by commas, all of which must hold.
// "key=value" (also written "key==value"), "key!=value" (true also without the
// key), "key" (present), "!key" (absent). Blanks around parts are ignored; empty
// text chooses everything. Errors wrap [ErrSelector].
func Parse(text string) (Selector, error) {
	if len(text) > MaxSelector {
		return Selector{}, fmt.Errorf("%w: %d bytes long, at most %d are allowed", ErrSelector, len(text), MaxSelector)
	}
	if strings.TrimSpace(text) == "" {
		return Selector{}, nil
	}
	var s Selector
	for part := range strings.SplitSeq(text, ",") {
		r, err := parseRequirement(strings.TrimSpace(part))
		if err != nil {
			return Selector{}, err
		}
		s.requirements = append(s.requirements, r)
	}
	return s, nil
}

func parseRequirement(part string) (requirement, error) {
	r := requirement{op: present, key: part}
	switch {
	case part == "":
		return r, fmt.Errorf(`%w: empty requirement; write requirements like "site=berlin" and join them with single commas`, ErrSelector)
	case strings.Contains(part, "!="):
		r.op = notEqual
		r.key, r.value, _ = strings.Cut(part, "!=")
	case strings.Contains(part, "=="):
		r.op = equal
		r.key, r.value, _ = strings.Cut(part, "==")
	case strings.Contains(part, "="):
		r.op = equal
		r.key, r.value, _ = strings.Cut(part, "=")
	case strings.HasPrefix(part, "!"):
		r.op = absent
		r.key = part[1:]
	}
	r.key, r.value = strings.TrimSpace(r.key), strings.TrimSpace(r.value)
	if !validName(r.key, "._/-") {
		return r, fmt.Errorf("%w: %q is no label key in requirement %q; keys have 1 to %d of A-Z a-z 0-9 . _ / - and begin and end with a letter or digit", ErrSelector, r.key, part, maxName)
	}
	if r.value != "" && !validName(r.value, "._-") {
		return r, fmt.Errorf("%w: %q is no label value in requirement %q; values have 0 to %d of A-Z a-z 0-9 . _ - and begin and end with a letter or digit", ErrSelector, r.value, part, maxName)
	}
	return r, nil
}

// validName reports whether s has 1 to 63 letters, digits and characters of
// inner, with a letter or digit at both ends.
func validName(s, inner string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		if alphanumeric(s[i]) {
			continue
		}
		if i == 0 || i == len(s)-1 || strings.IndexByte(inner, s[i]) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// Everything reports whether s chooses all label sets.
func (s Selector) Everything() bool { return len(s.requirements) == 0 }

// Matches reports whether all requirements hold for labels.
func (s Selector) Matches(labels map[string]string) bool {
	for _, r := range s.requirements {
		value, ok := labels[r.key]
		var holds bool
		switch r.op {
		case equal:
			holds = ok && value == r.value
		case notEqual:
			holds = !ok || value != r.value
		case present:
			holds = ok
		case absent:
			holds = !ok
		}
		if !holds {
			return false
		}
	}
	return true
}

// String returns the selector in its shortest form; Parse reads it back.
func (s Selector) String() string {
	parts := make([]string, len(s.requirements))
	for i, r := range s.requirements {
		switch r.op {
		case equal:
			parts[i] = r.key + "=" + r.value
		case notEqual:
			parts[i] = r.key + "!=" + r.value
		case present:
			parts[i] = r.key
		case absent:
			parts[i] = "!" + r.key
		}
	}
	return strings.Join(parts, ",")
}
