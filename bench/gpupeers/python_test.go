package gpupeers_test

import (
	"io/fs"
	"os"
	"os/exec"
	"testing"
)

// TestPython runs this folder's Python tests, which need neither a GPU nor a package.
func TestPython(t *testing.T) {
	// What a test reads, go test remembers: a change of these runs it again.
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		_, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	if exec.CommandContext(t.Context(), python, "-c", "import sys; sys.exit(sys.version_info < (3, 9))").Run() != nil {
		t.Skip("python3 is older than 3.9")
	}
	tests := exec.CommandContext(t.Context(), python, "-m", "unittest", "discover", "--start-directory", "tests", "--top-level-directory", ".")
	tests.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := tests.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
