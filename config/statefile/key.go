package statefile

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/frameport/frameport/internal/secret"
)

// KeyBytes is the length of a key.
const KeyBytes = 32

// Key is what a state file is encrypted with. It never prints.
type Key struct{ value secret.String } // KeyBytes raw bytes

// errKeyForm does not say what was given.
var errKeyForm = errors.New("this is no key: give 32 random bytes, as they are in a file, as 64 hexadecimal digits or in base64, such as from: head -c 32 /dev/urandom | base64")

// ParseKey reads a key as hexadecimal digits or base64. Its errors hold nothing of it.
func ParseKey(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	raw, err := hex.DecodeString(text)
	if err != nil {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		if raw, err = base64.RawStdEncoding.Strict().DecodeString(plain); err != nil {
			return nil, errKeyForm
		}
	}
	if len(raw) != KeyBytes {
		return nil, errKeyForm
	}
	return &Key{secret.New(string(raw))}, nil
}

// ReadKeyFile reads a key from a file that nobody else may read; trusted means that
// somebody else, such as systemd, has seen to that.
func ReadKeyFile(path string, trusted bool) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("state key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("state key: %w", err)
	}
	if mode := info.Mode().Perm(); !trusted && mode&0o077 != 0 {
		return nil, fmt.Errorf("state key: %w: %s has mode %04o; run: chmod 600 %s", ErrExposed, path, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return nil, fmt.Errorf("state key: %w", err)
	}
	if len(data) == KeyBytes {
		return &Key{secret.New(string(data))}, nil
	}
	k, err := ParseKey(string(data))
	if err != nil {
		return nil, fmt.Errorf("state key in %s: %w", path, err)
	}
	return k, nil
}

// Format implements [fmt.Formatter]: without it fmt would print the field of the field.
func (*Key) Format(f fmt.State, verb rune) { secret.New("").Format(f, verb) }

// id names a key without telling it.
func (k *Key) id() string {
	mac := hmac.New(sha256.New, []byte(k.value.Reveal()))
	_, _ = mac.Write([]byte("frameport state key"))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

// derive makes the key of one file.
func (k *Key) derive(salt []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(k.value.Reveal()), salt, "frameport state file", KeyBytes)
}
