// Package secret holds values that must never be printed. A [String] shows as
// "***" through fmt, log/slog and every encoder; only Reveal gives the value.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const mask = "***"

// String is a secret text. The zero value is "no secret", which differs from an
// empty one: cameras treat a missing and an empty password differently.
//
// The value lies behind a pointer: package fmt calls no methods on the fields of a
// struct that are not exported, and would print what it finds in them.
type String struct {
	_     [0]func() // == would compare pointers
	value *string   // nil = not set
}

// New returns a secret, which may be empty.
func New(value string) String { return String{value: &value} }

// IsSet reports whether there is a secret at all.
func (s String) IsSet() bool { return s.value != nil }

// Reveal returns the secret itself. Only the code that sends it to the camera or
// writes it to the protected state file calls this.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Equal compares two secrets in time that does not depend on their contents.
func (s String) Equal(o String) bool {
	return s.IsSet() == o.IsSet() && subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

func (s String) text() string {
	if !s.IsSet() {
		return ""
	}
	return mask
}

// String implements [fmt.Stringer].
func (s String) String() string { return s.text() }

// Format implements [fmt.Formatter], so that no verb shows the value.
func (s String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.text())) }

// MarshalText implements [encoding.TextMarshaler].
func (s String) MarshalText() ([]byte, error) { return []byte(s.text()), nil }

// LogValue implements [slog.LogValuer].
func (s String) LogValue() slog.Value { return slog.StringValue(s.text()) }
