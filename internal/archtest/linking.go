package archtest

import "strings"

// looseLibrary is the module whose linker flags let a binary link with undefined
// C symbols: see Note: [Linker flag] in gpu/nvml.
const looseLibrary = "github.com/NVIDIA/go-nvml"

// checkLinking keeps the check that the loose linker flags take away: every
// package with C code of its own has tests, or is used by another package's, and
// their binary is linked without those flags, so that go test finds a C function
// that is nowhere.
func checkLinking(t *Tree, report reporter) {
	packages := t.packages()
	for pkg, files := range packages {
		native := cgoFile(files)
		if native == nil || pkg == looseUser {
			continue
		}
		if !linked(packages, pkg) {
			report(native.Syntax.Package, "package %s has C code and no test: nothing finds its undefined C symbols", pkg)
		}
		if chain := looseChain(packages, pkg); chain != nil {
			report(native.Syntax.Package, "the tests of %s link with flags that hide undefined C symbols (%s)", pkg, strings.Join(chain, " imports "))
		}
	}
}

// linked says whether a test binary without the loose flags has pkg in it.
func linked(packages map[string][]*File, pkg string) bool {
	for _, f := range packages[pkg] {
		if f.Test {
			return true
		}
	}
	for user, files := range packages {
		for _, f := range files {
			for _, imp := range f.Imports() {
				if local, ok := imp.Local(); ok && local == pkg && f.Test && looseChain(packages, user) == nil {
					return true
				}
			}
		}
	}
	return false
}

// looseUser is the one package that may import looseLibrary; it has no C code.
const looseUser = "gpu/nvml"

func cgoFile(files []*File) *File {
	for _, f := range files {
		for _, imp := range f.Imports() {
			if imp.Path == "C" && !f.Test {
				return f
			}
		}
	}
	return nil
}

// looseChain finds how the test binary of pkg comes to import looseLibrary.
func looseChain(packages map[string][]*File, pkg string) []string {
	seen := make(map[string]bool)
	var visit func(p string, tests bool) []string
	visit = func(p string, tests bool) []string {
		if seen[p] {
			return nil
		}
		seen[p] = true
		for _, f := range packages[p] {
			if f.Test && !tests {
				continue
			}
			for _, imp := range f.Imports() {
				if within(imp.Path, looseLibrary) {
					return []string{p, looseLibrary}
				}
				local, ok := imp.Local()
				if !ok {
					continue
				}
				if chain := visit(local, false); chain != nil {
					return append([]string{p}, chain...)
				}
			}
		}
		return nil
	}
	return visit(pkg, true)
}
