package statefile_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/config/statefile"
)

// tornWrites is how many crashes in the middle of a save are tried.
const tornWrites = 1000

func same(a, b []config.Record) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Removed != b[i].Removed || !a[i].Added.Equal(b[i].Added) || !a[i].Spec.Equal(b[i].Spec) {
			return false
		}
	}
	return true
}

// state is the cameras after the n-th change.
func state(n int) []config.Record {
	list := records()
	list[0].Spec.Labels = map[string]string{"change": fmt.Sprint(n)}
	return list
}

// A save that is cut off leaves the state before it: whatever part of the new file
// reached the disk, in whatever form, and whatever became of the rename.
func TestTornWrites(t *testing.T) {
	dir, path, _ := written(t)
	temp := filepath.Join(dir, "cameras.json.tmp")
	dice := rand.New(rand.NewPCG(1, 1))
	want := records()
	files := saved(t, 20)
	for n := range tornWrites {
		next := files[n%len(files)]
		part := bytes.Clone(next[:dice.IntN(len(next)+1)])
		switch dice.IntN(4) {
		case 0: // blocks that were allocated and never written
			part = append(part, make([]byte, len(next)-len(part))...)
		case 1: // and those that held something else before
			for i := range next[len(part):] {
				part = append(part, byte(i*7))
			}
		}
		if err := os.WriteFile(temp, part, []os.FileMode{0o600, 0, 0o666}[dice.IntN(3)]); err != nil {
			t.Fatal(err)
		}
		if dice.IntN(4) == 0 { // renamed after the file was synced, and no answer was given
			if err := errors.Join(os.Remove(temp), os.WriteFile(temp, next, 0o600), os.Rename(temp, path)); err != nil {
				t.Fatal(err)
			}
			want = state(n % len(files))
		}
		f, got, err := statefile.Open(dir, nil)
		if err != nil {
			t.Fatalf("crash %d: %v", n, err)
		}
		if !same(got, want) {
			t.Fatalf("crash %d: %+v, want %+v", n, got, want)
		}
		if n%50 == 0 { // the next save is not disturbed by what is left
			want = state(-n - 1)
			if err := f.Save(t.Context(), want); err != nil {
				t.Fatalf("crash %d: %v", n, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// saved returns what the saves of the first so many states write.
func saved(t *testing.T, count int) (files [][]byte) {
	t.Helper()
	f, _ := open(t, filepath.Join(t.TempDir(), "other"))
	for n := range count {
		if err := f.Save(t.Context(), state(n)); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(f.Path())
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	return files
}

// A file that was cut or altered behind our back, at any byte, is refused with its bytes
// as they are: nobody takes a part of the cameras for all of them.
func TestDamageAtEveryByte(t *testing.T) {
	dir, path, data := written(t)
	for i := range data {
		altered := bytes.Clone(data)
		altered[i] ^= 1 << (i % 8)
		for _, bad := range [][]byte{data[:i], altered} {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			_, got, err := statefile.Open(dir, nil)
			if !errors.Is(err, statefile.ErrDamaged) && !errors.Is(err, statefile.ErrForeign) && !errors.Is(err, statefile.ErrNewer) {
				t.Fatalf("byte %d: %d cameras, %v", i, len(got), err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bad) {
				t.Fatalf("byte %d: the file was touched: %v", i, err)
			}
		}
	}
}
