package statefile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/frameport/frameport/config/statefile"
)

var (
	rawKey   = []byte("0123456789abcdef\xff\x00\n fedcba987654")
	otherKey = []byte("0123456789abcdef\xff\x00\n fedcba987655")
)

func key(t *testing.T, raw []byte) *statefile.Key {
	t.Helper()
	k, err := statefile.ParseKey(hex.EncodeToString(raw))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sealed returns a folder whose state is sealed with rawKey, the path of the file and
// its bytes. It began as a plain file.
func sealed(t *testing.T) (dir, path string, data []byte) {
	t.Helper()
	dir, path, plain := written(t)
	f, got, err := statefile.Open(dir, key(t, rawKey))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d records of a plain file with a key, %v", len(got), err)
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, plain) {
		t.Error("reading changed the file")
	}
	if !f.Plain() {
		t.Error("a plain file with a key is not called plain")
	}
	if err := f.Save(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return dir, path, data
}

func TestSealed(t *testing.T) {
	dir, path, data := sealed(t)
	for _, clear := range []string{"p/ä", "192.0.2", "camera_id", "gone"} {
		if bytes.Contains(data, []byte(clear)) {
			t.Errorf("%q can be read", clear)
		}
	}
	f, got, err := statefile.Open(dir, key(t, rawKey))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Plain() {
		t.Error("a sealed file is called plain")
	}
	want := records()
	for i := range want {
		if got[i].ID != want[i].ID || !got[i].Spec.Equal(want[i].Spec) || !got[i].Added.Equal(want[i].Added) {
			t.Errorf("record %d: %+v", i, got[i])
		}
	}
	if err := f.Save(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(path); bytes.Equal(again[len(again)-40:], data[len(data)-40:]) || bytes.Contains(again, saltOf(data)) || len(again) != len(data) {
		t.Error("two files of the same cameras are alike")
	}
}

// Without its key, or with another one, the file is refused and stays; nobody can add
// cameras to it.
func TestSealedNeedsItsKey(t *testing.T) {
	dir, path, data := sealed(t)
	for name, tt := range map[string]struct {
		key  *statefile.Key
		text string
	}{
		"none": {nil, "--state-key-file"}, "wrong": {key(t, otherKey), "encrypted with the key"},
	} {
		f, got, err := statefile.Open(dir, tt.key)
		if !errors.Is(err, statefile.ErrKey) || f != nil || got != nil || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), "mv "+path) {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, data) {
			t.Errorf("%s: the file was touched", name)
		}
	}
}

// Every cut and every flipped byte is reported, and the file stays; so is what somebody
// without the key puts together.
func TestTornSealedFiles(t *testing.T) {
	dir, path, data := sealed(t)
	_, _, other := sealed(t)
	k := key(t, rawKey)
	try := func(what string, bad []byte) {
		t.Helper()
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		f, _, err := statefile.Open(dir, k)
		if err == nil {
			_ = f.Close()
			t.Fatalf("%s was not seen", what)
		}
		if !errors.Is(err, statefile.ErrDamaged) && !errors.Is(err, statefile.ErrForeign) && !errors.Is(err, statefile.ErrNewer) || !strings.Contains(err.Error(), "mv "+path) {
			t.Fatalf("%s: %v", what, err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, bad) {
			t.Fatalf("%s: the file was touched", what)
		}
	}
	for n := range data {
		try(fmt.Sprintf("cut at %d", n), data[:n])
		bad := bytes.Clone(data)
		bad[n] ^= byte(1 << (n % 8))
		try(fmt.Sprintf("flip at %d", n), bad)
	}
	head, _, _ := bytes.Cut(data, []byte("\n"))
	_, body, _ := bytes.Cut(other, []byte("\n"))
	try("the body of another file", append(append(bytes.Clone(head), '\n'), body...))
	// With a checksum that fits, only the seal can see it.
	_, body, _ = bytes.Cut(data, []byte("\n"))
	for at := range body {
		body[at] ^= 1
		try(fmt.Sprintf("forged at %d", at), resum(t, head, body))
		body[at] ^= 1
	}
	if !bytes.Equal(resum(t, head, body), data) {
		t.Error("the forged checksums do not fit")
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, got, err := statefile.Open(dir, k); err != nil || len(got) != 3 {
		t.Errorf("the good copy: %v", err)
	} else {
		_ = f.Close()
	}
}

func saltOf(data []byte) []byte {
	_, rest, _ := bytes.Cut(data, []byte(`"salt":"`))
	salt, _, _ := bytes.Cut(rest, []byte(`"`))
	return salt
}

// resum puts the right checksum into a header.
func resum(t *testing.T, head, body []byte) []byte {
	t.Helper()
	var h struct {
		SHA256, Cipher, Key string
		Salt                []byte
	}
	if err := json.Unmarshal(head, &h); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append(fmt.Appendf(nil, "frameport-state 2 %s %s %x", h.Cipher, h.Key, h.Salt), body...))
	head = bytes.Replace(head, []byte(h.SHA256), []byte(hex.EncodeToString(sum[:])), 1)
	return append(append(bytes.Clone(head), '\n'), body...)
}

func TestKeys(t *testing.T) {
	for name, text := range map[string]string{
		"hex": hex.EncodeToString(rawKey), "upper case": strings.ToUpper(hex.EncodeToString(rawKey)),
		"base64": base64.StdEncoding.EncodeToString(rawKey) + "\n", "url": base64.RawURLEncoding.EncodeToString(rawKey), "raw": string(rawKey),
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := statefile.ReadKeyFile(path, false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		dir, _, _ := sealed(t)
		f, _, err := statefile.Open(dir, k)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = f.Close()
		if printed := fmt.Sprintf("%v %+v %#v %v %x", k, k, k, struct{ *statefile.Key }{k}, k); strings.Contains(printed, "0123") || strings.Contains(printed, "48 49") || strings.Contains(printed, "3031") {
			t.Errorf("%s", printed)
		}
	}
	for _, bad := range []string{"", "c4n4ry", strings.Repeat("c4n4ry", 10), hex.EncodeToString(rawKey)[:62], base64.StdEncoding.EncodeToString(append(rawKey, 1))} {
		if _, err := statefile.ParseKey(bad); err == nil || strings.Contains(err.Error(), "c4n4ry") || !strings.Contains(err.Error(), "head -c 32") {
			t.Errorf("%d characters: %v", len(bad), err)
		}
	}
	path := filepath.Join(t.TempDir(), "key")
	if _, err := statefile.ReadKeyFile(path, false); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(path, rawKey, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := statefile.ReadKeyFile(path, false); !errors.Is(err, statefile.ErrExposed) || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
	if _, err := statefile.ReadKeyFile(path, true); err != nil {
		t.Error(err)
	}
}
