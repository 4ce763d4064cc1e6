//go:build !failpoint

package failpoint_test

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/frameport/frameport/internal/failpoint"
)

// The compiler makes the same code of a function with every kind of point and of one
// without any.
func TestPointsAreNoCode(t *testing.T) {
	cmd := exec.CommandContext(context.Background(), "go", "build", "-gcflags=-S", "./testdata/hook")
	cmd.Env = append(cmd.Environ(), "GOFLAGS=") // no -race or -cover from outside
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	marked, unmarked := machineCode(t, out, "Marked"), machineCode(t, out, "Unmarked")
	if marked != unmarked {
		t.Errorf("a function with points is compiled to\n%s\nand one without to\n%s", marked, unmarked)
	}
}

var (
	// bytesOf are the lines of a listing that hold what the linker gets.
	bytesOf    = regexp.MustCompile(`(?m)^\t0x[0-9a-f]{4} ((?:[0-9a-f]{2} )+) `)
	nextSymbol = regexp.MustCompile(`\n[^\t\n]`)
)

func machineCode(t *testing.T, listing []byte, name string) string {
	t.Helper()
	_, text, found := bytes.Cut(listing, []byte("testdata/hook."+name+" STEXT"))
	if end := nextSymbol.FindIndex(text); end != nil {
		text = text[:end[0]]
	}
	var out strings.Builder
	for _, line := range bytesOf.FindAllSubmatch(text, -1) {
		out.Write(line[1])
		out.WriteByte('\n')
	}
	if !found || out.Len() < 3*64 {
		t.Fatalf("no code of %s in what the compiler says:\n%s", name, listing)
	}
	return out.String()
}

func TestVariableIsNotIgnored(t *testing.T) {
	t.Setenv(failpoint.Variable, "")
	if n := failpoint.Notice(); n != "" {
		t.Errorf("without the variable: %q", n)
	}
	t.Setenv(failpoint.Variable, "decode-crash")
	if n := failpoint.Notice(); !strings.Contains(n, "has no failpoints") || !strings.Contains(n, "-tags failpoint") {
		t.Errorf("with the variable: %q", n)
	}
	if err := failpoint.FromEnvironment(); err != nil || failpoint.DecodeCrash.Hit("") {
		t.Errorf("something was armed, or failed: %v", err)
	}
}
