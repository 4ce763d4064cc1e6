package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"
)

func TestRecognise(t *testing.T) {
	for want, text := range map[string]string{
		"Apache-2.0":   "Apache License\n   Version 2.0, January 2004",
		"MIT":          "Permission is hereby granted, free of\ncharge, to any person ... THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT",
		"BSD-3-Clause": "Redistributions in binary form must reproduce the above ... Neither the name of Google",
		"BSD-2-Clause": "Redistributions in binary form must reproduce the above copyright",
		"ISC":          "Permission to use, copy, modify, and/or distribute this software for any purpose",
		"MPL-2.0":      "Mozilla Public License Version 2.0",
		"":             "GNU GENERAL PUBLIC LICENSE",
	} {
		if got := recognise(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("Apache License Version 2.0"), 0o600); err != nil {
		t.Fatal(err)
	}
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Path: "example.org/x"},
		Deps: []*debug.Module{{Path: "example.org/y", Version: "v1.2.3", Sum: "h1:abc"}},
	}
	doc, err := describe(info, "v9", map[string]string{"example.org/y": dir}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	doc.depend()
	y := doc.Components[1]
	if y.PURL != "pkg:golang/example.org/y@v1.2.3" || y.Licences[0].Expression != "Apache-2.0" || y.Properties[0] != (property{"go:sum", "h1:abc"}) {
		t.Errorf("%+v", y)
	}
	if std := doc.Components[0]; std.PURL != "pkg:golang/std@1.26.8" || len(doc.Dependencies[0].On) != 2 || doc.Metadata.Component.Version != "v9" {
		t.Errorf("%+v", doc)
	}
	if _, err := describe(info, "v9", nil, time.Unix(0, 0)); err == nil {
		t.Error("a module that is not there was described")
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("all rights reserved"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := describe(info, "v9", map[string]string{"example.org/y": dir}, time.Unix(0, 0)); !errors.Is(err, errLicence) {
		t.Errorf("an unknown licence: %v", err)
	}
}

// The native libraries of this build are found, with versions.
func TestNatives(t *testing.T) {
	for _, n := range natives() {
		c, err := n.component()
		if err != nil {
			t.Fatal(err)
		}
		if c.Version == "" || c.PURL == "" || len(c.Licences) != 1 {
			t.Errorf("%+v", c)
		}
	}
}
