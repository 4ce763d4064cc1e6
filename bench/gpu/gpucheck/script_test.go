package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// script runs run.sh with a program of its own in place of gpucheck.
func script(t *testing.T, program string) (out string, code int) {
	t.Helper()
	dir := t.TempDir()
	raw, err := os.ReadFile("../run.sh")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run.sh"), raw, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "programs.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	packed := gzip.NewWriter(f)
	archive := tar.NewWriter(packed)
	body := "#!/bin/sh\n" + program
	err = archive.WriteHeader(&tar.Header{Name: "gpucheck", Mode: 0o755, Size: int64(len(body))})
	if err == nil {
		_, err = archive.Write([]byte(body))
	}
	if err := errors.Join(err, archive.Close(), packed.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	out = filepath.Join(dir, "out")
	cmd := exec.CommandContext(t.Context(), "bash", filepath.Join(dir, "run.sh"), out)
	cmd.Env = append(os.Environ(), "FRAMEPORT_GPU_LIBRARY_PATH=/some/where")
	if said, err := cmd.CombinedOutput(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%v: %s", err, said)
		}
		code = exit.ExitCode()
	}
	left, err := filepath.Glob(filepath.Join(out, "work.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
	return out, code
}

// TestScript: the program gets the folders, and its exit code is the script's.
func TestScript(t *testing.T) {
	out, code := script(t, `for last; do :; done; echo "$@ $CUDA_CACHE_PATH" >"$last/gpu-check.json"; exit 4`)
	raw, err := os.ReadFile(filepath.Join(out, "gpu-check.json"))
	if err != nil || code != 4 {
		t.Fatalf("exit code %d, %v", code, err)
	}
	for _, part := range []string{"run -bundle " + out + "/work.", "-library-path /some/where " + out, "/cache"} {
		if !strings.Contains(string(raw), part) {
			t.Errorf("%q is not in %s", part, raw)
		}
	}
}

// TestScriptWithoutProgram: a program that does not start leaves a report that says so.
func TestScriptWithoutProgram(t *testing.T) {
	out, code := script(t, "echo GLIBC_2.36 not found >&2; exit 3")
	raw, err := os.ReadFile(filepath.Join(out, "gpu-check.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	if code != 3 || r.Schema != schema || r.Complete || len(r.Parts) != 1 || r.Parts[0].State != stateFailed || !strings.Contains(r.Parts[0].Error, "3") {
		t.Errorf("exit code %d: %s", code, raw)
	}
	text, err := os.ReadFile(filepath.Join(out, "gpu-check.txt"))
	if err != nil || !strings.Contains(string(text), "GLIBC_2.36 not found") {
		t.Errorf("%v: %s", err, text)
	}
}
