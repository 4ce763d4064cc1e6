package config

import (
	"fmt"
	"strings"
)

// The names of the enumerations are those of the API without their prefix. Files
// may write them in lower case, and with the prefix, so that text copied from
// either place is understood.

func transportNames() []string {
	return []string{"AUTO", "TCP", "UDP", "MULTICAST", "HTTP", "WEBSOCKET"}
}
func tlsModeNames() []string     { return []string{"VERIFY", "PIN", "INSECURE"} }
func backendKindNames() []string { return []string{"AUTO", "CUDA", "CPU"} }
func decodeModeNames() []string {
	return []string{"ALL", "SKIP_NON_REFERENCE", "KEYFRAMES", "ON_DEMAND", "NONE"}
}

// String returns the transport's name as in the API ("TCP").
func (t Transport) String() string { return nameOf(int(t), transportNames()) }

// MarshalText implements [encoding.TextMarshaler].
func (t Transport) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText accepts the names of the API, in any case.
func (t *Transport) UnmarshalText(text []byte) error {
	n, err := parseName(string(text), "TRANSPORT_", "transport", transportNames())
	*t = Transport(n)
	return err
}

// String returns the mode's name as in the API ("PIN").
func (m TLSMode) String() string { return nameOf(int(m), tlsModeNames()) }

// MarshalText implements [encoding.TextMarshaler].
func (m TLSMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText accepts the names of the API, in any case.
func (m *TLSMode) UnmarshalText(text []byte) error {
	n, err := parseName(string(text), "TLS_MODE_", "TLS mode", tlsModeNames())
	*m = TLSMode(n)
	return err
}

// String returns the mode's name as in the API ("KEYFRAMES").
func (m DecodeMode) String() string { return nameOf(int(m), decodeModeNames()) }

// MarshalText implements [encoding.TextMarshaler].
func (m DecodeMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText accepts the names of the API, in any case.
func (m *DecodeMode) UnmarshalText(text []byte) error {
	n, err := parseName(string(text), "DECODE_MODE_", "decode mode", decodeModeNames())
	*m = DecodeMode(n)
	return err
}

// String returns the backend's name as in the API ("CPU").
func (b BackendKind) String() string { return nameOf(int(b), backendKindNames()) }

// MarshalText implements [encoding.TextMarshaler].
func (b BackendKind) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText accepts the names of the API, in any case.
func (b *BackendKind) UnmarshalText(text []byte) error {
	n, err := parseName(string(text), "BACKEND_KIND_", "backend", backendKindNames())
	*b = BackendKind(n)
	return err
}

func nameOf(n int, names []string) string {
	if n < len(names) {
		return names[n]
	}
	return fmt.Sprintf("UNKNOWN_%d", n)
}

func parseName(text, prefix, what string, names []string) (int, error) {
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), prefix)
	for i, n := range names {
		if n == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown %s %.40q; use one of %s", what, text, strings.Join(names, ", "))
}
