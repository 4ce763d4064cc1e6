//go:build cgo

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) {
	if of := os.Getenv(readerOf); of != "" {
		fmt.Fprintln(os.Stderr, "reader:", readShared(of))
		os.Exit(1)
	}
	if of := os.Getenv(framesReaderOf); of != "" {
		fmt.Fprintln(os.Stderr, "reader:", readFrames(of))
		os.Exit(1)
	}
	if of := os.Getenv(deviceReaderOf); of != "" {
		fmt.Fprintln(os.Stderr, "reader:", readDevice(of))
		os.Exit(1)
	}
	if of := os.Getenv(sharerOf); of != "" {
		fmt.Fprintln(os.Stderr, "reader:", shareDevice(of))
		os.Exit(1)
	}
	if os.Getenv(modelsOf) != "" {
		if err := serveModels(); err != nil {
			fmt.Fprintln(os.Stderr, "models:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "frameport-e2e-")
	if err == nil {
		program, err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func build(dir string) (string, error) {
	out := filepath.Join(dir, "frameport")
	args := append([]string{"build", "-o", out}, raceFlags...)
	if text, err := exec.Command("go", append(args, "../../cmd/frameport")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the worker: %w\n%s", err, text)
	}
	return out, nil
}
