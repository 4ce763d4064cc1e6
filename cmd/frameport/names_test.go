package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Tests and targets that the documents name as proof exist: who renames or removes one
// changes the document, too.
func TestProofsInDocumentsExist(t *testing.T) {
	test := regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]*)`")
	target := regexp.MustCompile("`make ([a-z][a-z-]*)")
	text, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{} // of the tests of a folder
	named := 0
	for _, m := range test.FindAllStringSubmatch(string(text), -1) {
		named++
		if _, ok := sources[m[1]]; !ok {
			sources[m[1]] = testsIn(t, m[1])
		}
		if !strings.Contains(sources[m[1]], "\nfunc "+m[2]+"(") {
			t.Errorf("docs/reliability.md names %s of %s, which is not there", m[2], m[1])
		}
	}
	if named < 100 {
		t.Errorf("only %d tests are named; does the pattern still match?", named)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range target.FindAllStringSubmatch(string(text), -1) {
		if !regexp.MustCompile(`(?m)^(?:[a-z-]+ )*` + m[1] + `(?: [a-z-]+)*:`).Match(makefile) {
			t.Errorf("docs/reliability.md names make %s, which is no target", m[1])
		}
	}
}

// testsIn is the text of all tests of a folder.
func testsIn(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
