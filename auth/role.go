package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what somebody may do. Each includes those before it.
type Role uint8

// The roles. The zero value may do nothing.
const (
	Nobody Role = iota
	// View reads: frames, streams, the status of cameras.
	View
	// Control also adds, updates and removes cameras.
	Control
	// Admin also sees the inside of the worker: devices, memory, what it runs on.
	Admin
)

// roleNames are the names of the roles in files, from View on.
func roleNames() []string { return []string{"view", "control", "admin"} }

// String returns the role's name.
func (r Role) String() string {
	if names := roleNames(); r >= View && int(r) <= len(names) {
		return names[r-View]
	}
	return "nobody"
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *Role) UnmarshalText(text []byte) error {
	i := slices.Index(roleNames(), strings.ToLower(string(text)))
	if i < 0 {
		return fmt.Errorf("is no role; use one of %s", strings.Join(roleNames(), ", "))
	}
	*r = View + Role(i)
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
