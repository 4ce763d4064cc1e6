package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const repository = "https://github.com/frameport/frameport"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "provenance:", err)
		os.Exit(1)
	}
}

// run writes the statement about a binary to a file.
func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: provenance BINARY VERSION FILE")
	}
	commit, err := say("git", "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	compiler, err := say("gcc", "-dumpfullversion")
	if err != nil {
		return err
	}
	ffmpeg, err := say("pkg-config", "--modversion", "libavcodec")
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	sum, err := digest(args[0])
	if err != nil {
		return err
	}
	s := describe(filepath.Base(args[0]), sum, args[1], commit)
	s.Predicate.Build.Internal = map[string]string{"go": info.GoVersion, "gcc": compiler, "libavcodec": ffmpeg}
	for _, set := range info.Settings {
		if set.Key == "GOOS" || set.Key == "GOARCH" || set.Key == "CGO_ENABLED" || strings.HasPrefix(set.Key, "-") {
			s.Predicate.Build.Internal[set.Key] = set.Value
		}
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(args[2], append(text, '\n'), 0o644)
}

func digest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func say(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
