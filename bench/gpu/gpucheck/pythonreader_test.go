package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A machine whose Python lacks something is no fault of the card's.
func TestReaderInPythonIsOptional(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, program := range []string{"", "#!/bin/sh\necho Traceback >&2\necho 'ModuleNotFoundError: no grpc' >&2\nexit 1\n"} {
		if program != "" {
			if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(program), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		found, err := readInPython(t.Context(), bundle{})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		found.print(&text)
		if !strings.HasPrefix(text.String(), "not tried: python3 can't import grpc") || program != "" && !strings.HasSuffix(text.String(), "ModuleNotFoundError: no grpc\n") {
			t.Errorf("%q", text.String())
		}
	}
}

func TestReaderInPythonVerdict(t *testing.T) {
	for line, good := range map[string]bool{"100 frames, 0 broken; hand-off": true, "100 frames, 10 broken; hand-off": false, "": false} {
		if err := (&pythonResult{Lines: []string{"first", line}}).verdict(); (err == nil) != good {
			t.Errorf("%q: %v", line, err)
		}
	}
}
