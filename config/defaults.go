package config

import (
	"maps"
	"strings"
	"time"
)

// Defaults of a camera's specification.
const (
	DefaultRingSize = 4
	DefaultLinger   = 10 * time.Second
)

// EnsureDefaults fills what was left open and brings equal things into one form.
// It doesn't repair what is wrong; that is for Validate to report.
func (c *Camera) EnsureDefaults() {
	c.URL = strings.TrimSpace(c.URL)
	if c.Frame.RingSize == 0 {
		c.Frame.RingSize = DefaultRingSize
	}
	if c.Decode.Linger == 0 {
		c.Decode.Linger = DefaultLinger
	}
	c.TLS.PinSHA256 = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(c.TLS.PinSHA256), ":", ""))
	c.Device = strings.TrimSpace(c.Device)
}

// Equal reports whether c and o ask for the same. Missing and empty labels are
// equal, a missing and an empty password are not.
func (c Camera) Equal(o Camera) bool {
	return c.SameConnection(o) &&
		maps.Equal(c.Labels, o.Labels) &&
		c.Decode == o.Decode &&
		c.Frame == o.Frame &&
		c.Backend == o.Backend &&
		c.Device == o.Device
}

// SameConnection reports whether o can be served by the connection that was made
// for c: address, login, transport and TLS are equal.
func (c Camera) SameConnection(o Camera) bool {
	return c.URL == o.URL && c.Transport == o.Transport && c.TLS == o.TLS && c.SameLogin(o)
}

// SameLogin reports whether user name and password are equal.
func (c Camera) SameLogin(o Camera) bool {
	return c.Username == o.Username && c.Password.Equal(o.Password)
}

// Clone returns a copy that shares nothing with c.
func (c Camera) Clone() Camera {
	c.Labels = maps.Clone(c.Labels)
	return c
}
