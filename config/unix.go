package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// maxUnixPath is the longest path of a unix socket in bytes: sun_path of Linux
// without its final zero.
const maxUnixPath = 107

// UnixPath returns the path of a unix socket's address, and false when address is
// none. gRPC's two spellings are known: unix:/path and unix:///path.
func UnixPath(address string) (path string, ok bool) {
	path, ok = strings.CutPrefix(address, "unix:")
	return strings.TrimPrefix(path, "//"), ok
}

func isUnix(address string) bool {
	_, ok := UnixPath(address)
	return ok
}

func checkUnixPath(address, path string) error {
	switch {
	case !filepath.IsAbs(path) || strings.HasSuffix(path, "/"):
		return fmt.Errorf("%.120q names no socket; write it as unix:/folder/name, for example unix:/run/frameport/frameport.sock", address)
	case len(path) > maxUnixPath:
		return fmt.Errorf("%.120q has a path of %d bytes, and the system takes %d; choose a shorter one", address, len(path), maxUnixPath)
	case strings.ContainsAny(path, "%?#") || strings.ContainsFunc(path, unicode.IsControl):
		return fmt.Errorf("%.120q has a character that clients would read as part of a URL; choose a path without %%, ? and #", address)
	default:
		return nil
	}
}

// SocketMode says who may connect to a unix socket, as the permissions of its file:
// whoever may write. 0 = [DefaultSocketMode].
type SocketMode uint32

// DefaultSocketMode lets the worker's own user connect, and root.
const DefaultSocketMode SocketMode = 0o600

// Perm is m as the os package takes it.
func (m SocketMode) Perm() fs.FileMode { return fs.FileMode(m) & fs.ModePerm }

// ForEverybody reports whether every user of the machine may connect, or is halfway there.
func (m SocketMode) ForEverybody() bool { return m.Perm()&0o006 != 0 }

// MarshalText writes m as UnmarshalText reads it.
func (m SocketMode) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%04o", uint32(m)), nil }

// UnmarshalText reads three or four octal digits. The owner must be able to connect.
func (m *SocketMode) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || v > 0o777 || len(text) < 3 {
		return fmt.Errorf("%.20q is no mode; write it in octal, for example 0660", text)
	}
	if v&0o600 != 0o600 {
		return errors.New("the mode keeps the socket's own user out; use 0600 (this user), 0660 (its group) or 0666 (everyone on this machine)")
	}
	*m = SocketMode(v)
	return nil
}

// UnmarshalYAML reads the digits as they are written: to YAML 0660 is the number 432.
func (m *SocketMode) UnmarshalYAML(n ast.Node) error {
	if _, ok := n.(ast.ScalarNode); !ok {
		return errors.New("a mode is a text such as 0660")
	}
	return m.UnmarshalText([]byte(n.GetToken().Value))
}
