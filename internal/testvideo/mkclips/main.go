package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/frameport/frameport/internal/testvideo"
)

// Limits of what may be committed.
const (
	maxFile  = 900 << 10
	maxTotal = 3 << 20
)

func main() {
	out := flag.String("out", "clips", "folder to write the clips to")
	only := flag.String("only", "", "make only this clip and leave the manifest alone")
	flag.Parse()
	if err := run(*out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mkclips:", err)
		os.Exit(1)
	}
}

func run(out, only string) error {
	version, err := exec.Command("ffmpeg", "-version").Output()
	if err != nil {
		return fmt.Errorf("the ffmpeg program is needed (apt-get install ffmpeg): %w", err)
	}
	first, _, _ := strings.Cut(string(version), " Copyright")
	m := testvideo.Manifest{Encoder: first}
	total := 0
	for i, r := range recipes() {
		r.camera = i + 1
		if only != "" && only != r.name {
			continue
		}
		entry, size, err := r.build(out)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Printf("%-22s %4d x %-4d %3d pictures %7d bytes\n", r.name, r.width, r.height, r.frames, size)
		if size > maxFile {
			return fmt.Errorf("%s: %d bytes, at most %d may be committed", r.name, size, maxFile)
		}
		total += size
		m.Clips = append(m.Clips, entry)
	}
	switch {
	case only != "" && len(m.Clips) == 0:
		return fmt.Errorf("no clip %q in recipes.go", only)
	case only != "":
		return nil
	case total > maxTotal:
		return fmt.Errorf("%d bytes in all, at most %d may be committed", total, maxTotal)
	}
	raw, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	fmt.Printf("%d clips, %d bytes\n", len(m.Clips), total)
	return errors.Join(
		os.WriteFile(filepath.Join(out, "clips.json"), append(raw, '\n'), 0o644),
		removeStale(out, m),
	)
}

// removeStale deletes files of clips that are no longer made.
func removeStale(out string, m testvideo.Manifest) error {
	keep := map[string]bool{"clips.json": true}
	for _, e := range m.Clips {
		keep[e.File], keep[e.Golden] = true, true
	}
	found, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !keep[f.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(out, f.Name())))
		}
	}
	return err
}
