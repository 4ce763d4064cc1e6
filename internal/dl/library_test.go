package dl_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/frameport/frameport/internal/dl"
)

// build makes a shared library with functions of these names.
func build(t *testing.T, path string, functions ...string) {
	t.Helper()
	var source strings.Builder
	for _, f := range functions {
		source.WriteString("int " + f + "(void) { return 1; }\n")
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	cmd := exec.Command(cc, "-shared", "-fPIC", "-x", "c", "-", "-o", path)
	cmd.Stdin = strings.NewReader(source.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestOpenPrefersFoldersThenOrderOfNames(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	build(t, filepath.Join(first, "libfpone.so.2"), "one")
	build(t, filepath.Join(second, "libfpone.so.1"), "one")
	build(t, filepath.Join(second, "libfpone.so.2"), "one")
	for _, c := range []struct {
		name  string
		names []string
		dirs  []string
		want  string
	}{
		{"folder before name", []string{"libfpone.so.1", "libfpone.so.2"}, []string{first, second}, filepath.Join(first, "libfpone.so.2")},
		{"name order in a folder", []string{"libfpone.so.1", "libfpone.so.2"}, []string{second, first}, filepath.Join(second, "libfpone.so.1")},
		{"empty folder is passed over", []string{"libfpone.so.2"}, []string{"", second}, filepath.Join(second, "libfpone.so.2")},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := dl.Open(c.names, c.dirs)
			if err != nil {
				t.Fatal(err)
			}
			if l.Path() != c.want || l.Name() != filepath.Base(c.want) {
				t.Errorf("got %s (%s), want %s", l.Path(), l.Name(), c.want)
			}
		})
	}
}

func TestOpenTakesRelativeFolders(t *testing.T) {
	dir := t.TempDir()
	build(t, filepath.Join(dir, "libfprelative.so"), "f")
	t.Chdir(filepath.Dir(dir))
	l, err := dl.Open([]string{"libfprelative.so"}, []string{filepath.Base(dir)})
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(l.Path()) {
		t.Errorf("path %s is not absolute", l.Path())
	}
}

func TestOpenAsksTheLinkerLast(t *testing.T) {
	l, err := dl.Open([]string{"libfpnowhere.so", "libc.so.6"}, []string{t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if l.Name() != "libc.so.6" || !filepath.IsAbs(l.Path()) {
		t.Errorf("got %s at %s", l.Name(), l.Path())
	}
	if _, err := l.Symbol("getpid"); err != nil {
		t.Error(err)
	}
}

func TestOpenErrorNamesEverythingTried(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "libfpbroken.so.1")
	if err := os.WriteFile(broken, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := dl.Open([]string{"libfpbroken.so.1", "libfpbroken.so"}, []string{dir})
	if !errors.Is(err, dl.ErrNotFound) {
		t.Fatalf("got %v", err)
	}
	var open *dl.OpenError
	if !errors.As(err, &open) {
		t.Fatalf("got %T", err)
	}
	var paths []string
	for _, a := range open.Attempts {
		paths = append(paths, a.Path)
	}
	want := []string{broken, filepath.Join(dir, "libfpbroken.so"), "libfpbroken.so.1", "libfpbroken.so"}
	if !slices.Equal(paths, want) {
		t.Errorf("tried %q, want %q", paths, want)
	}
	// The linker's own words tell a wrong file from a missing one.
	for _, part := range []string{"file too short", "No such file"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if n := strings.Count(err.Error(), broken); n != 1 {
		t.Errorf("%s is named %d times: %v", broken, n, err)
	}
}

func TestSymbolPrefersTheFirstName(t *testing.T) {
	dir := t.TempDir()
	build(t, filepath.Join(dir, "libfpsym.so"), "call", "call_v2", "old")
	l, err := dl.Open([]string{"libfpsym.so"}, []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	newest, err := l.Symbol("call_v2", "call")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := l.Symbol("call")
	if err != nil {
		t.Fatal(err)
	}
	if newest == plain {
		t.Error("the plain symbol was taken although there is a newer one")
	}
	fallback, err := l.Symbol("old_v2", "old")
	if err != nil || fallback == nil {
		t.Errorf("no fallback to the plain name: %v", err)
	}
	_, err = l.Symbol("gone_v2", "gone")
	if !errors.Is(err, dl.ErrNoSymbol) || !strings.Contains(err.Error(), "gone_v2 or gone") || !strings.Contains(err.Error(), l.Path()) {
		t.Errorf("got %v", err)
	}
}
