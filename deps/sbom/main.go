package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// run writes the document for a binary to a file.
func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: sbom BINARY VERSION FILE")
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	dirs, err := folders()
	if err != nil {
		return err
	}
	doc, err := describe(info, args[1], dirs, time.Now())
	if err != nil {
		return err
	}
	for _, n := range natives() {
		c, err := n.component()
		if err != nil {
			return err
		}
		doc.Components = append(doc.Components, c)
	}
	doc.depend()
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(args[2], append(text, '\n'), 0o644)
}

// folders are where the modules lie, by path.
func folders() (map[string]string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}", "all").Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m all: %w", err)
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			dirs[path] = dir
		}
	}
	return dirs, nil
}

// describe makes the document of all that is Go.
func describe(info *debug.BuildInfo, version string, dirs map[string]string, now time.Time) (*document, error) {
	main := component{
		Type: "application", Name: "frameport", Version: version, Ref: "frameport",
		PURL: "pkg:golang/" + info.Main.Path + "@" + version, Licences: []licence{{Expression: "Apache-2.0"}},
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED", "-trimpath", "-tags":
			main.Properties = append(main.Properties, property{"go:" + s.Key, s.Value})
		}
	}
	doc := newDocument(main, now)
	doc.Components = append(doc.Components, component{
		Type: "library", Name: "std", Version: info.GoVersion, Ref: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"),
		PURL:     "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"),
		Licences: []licence{{Expression: "BSD-3-Clause"}}, Properties: []property{{"frameport:use", "Go's standard library and runtime"}},
	})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		dir := dirs[m.Path]
		if dir == "" {
			return nil, fmt.Errorf("%s is not in the module cache; run: go mod download", m.Path)
		}
		id, err := licenceOf(dir)
		if err != nil {
			return nil, err
		}
		ref := "pkg:golang/" + m.Path + "@" + m.Version
		doc.Components = append(doc.Components, component{
			Type: "library", Name: m.Path, Version: m.Version, Ref: ref, PURL: ref,
			Licences: []licence{{Expression: id}}, Properties: []property{{"go:sum", m.Sum}},
		})
	}
	return doc, nil
}
