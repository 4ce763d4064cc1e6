package archtest

import (
	"go/ast"
	"slices"
	"strings"
)

// revealers are the packages that may turn a secret into text: they send it to the
// camera, hash it, compare it, or write it to the protected file.
func revealers() []string {
	return []string{"internal/secret", "auth", "config", "rtsp", "server", "cmd"}
}

// checkSecrets keeps passwords in the type that does not print: only some packages
// reveal one, and only rtsp puts one into a URL, which would print it. Tests and what
// only they use make such URLs to see them refused or masked.
func checkSecrets(t *Tree, report reporter) {
	for _, f := range t.Files {
		if f.Test || supports(f.Package()) {
			continue
		}
		url := f.importName("net/url")
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			switch {
			case !ok:
			case s.Sel.Name == "Reveal" && !inside(f, revealers()):
				report(s.Pos(), "a secret is revealed outside %s: pass the secret.String on", strings.Join(revealers(), ", "))
			case url != "" && !within(f.Package(), "rtsp") && slices.ContainsFunc([]string{"User", "UserPassword", "Userinfo"},
				func(name string) bool { return isSelector(s, url, name) }):
				report(s.Pos(), "a URL with a login, which prints it: only rtsp makes one, at the socket; pass config.Credentials")
			}
			return true
		})
	}
}

// starters are the packages that may start programs, beside those that only tests and
// developers run. What a camera or client sends never becomes a command line.
func starters() []string { return []string{"decoder/isolated"} }

func checkPrograms(t *Tree, report reporter) {
	for _, f := range t.Files {
		if f.Test || supports(f.Package()) || inside(f, []string{"bench", "tools", "deps", "examples"}) {
			continue
		}
		for _, imp := range f.Imports() {
			if (imp.Path == "os/exec" || imp.Path == "plugin") && !inside(f, starters()) {
				report(imp.Pos, "%s outside %s: the worker starts no other programs", imp.Path, strings.Join(starters(), ", "))
			}
		}
	}
}

// checkNarrow: of FFmpeg the decoders that are named by their id, and nothing that
// opens, guesses or chooses: formats, protocols, devices, filters, decoders by name.
func checkNarrow(t *Tree, report reporter) {
	wide := []string{
		"AllocFormatContext", "AllocOutputFormatContext", "AllocIOContext", "OpenIOContext", "FindInputFormat", "FindOutputFormat",
		"RegisterAllDevices", "FindDecoderByName", "FindEncoder", "FindEncoderByName", "FindFilterByName", "AllocFilterGraph",
		"FindBitStreamFilterByName", "CreateHardwareDeviceContext", "FindHardwareDeviceTypeByName",
	}
	for _, f := range t.Files {
		name := f.importName("github.com/asticode/go-astiav")
		if name == "" || f.Test {
			continue
		}
		name = strings.TrimPrefix(name, "go-") // the package's own name
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.ContainsFunc(wide, func(w string) bool { return isSelector(s, name, w) }) {
				report(s.Pos(), "FFmpeg's %s: decoders are opened by their id, and nothing else of FFmpeg reads what a camera sent", s.Sel.Name)
			}
			return true
		})
	}
}

// supports reports whether only tests and programs of developers use pkg.
func supports(pkg string) bool {
	u, ok := unitOf(pkg)
	return ok && (u.support || within(pkg, "internal/peers") || within(pkg, "internal/faults"))
}

func inside(f *File, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return within(f.Package(), dir) })
}
