package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const maxLines = 500

func checkFileLength(t *Tree, report reporter) {
	for _, f := range t.Files {
		if !f.Generated && f.Lines > maxLines {
			report(f.Syntax.Package, "%d lines are more than %d: a file is one idea, split it", f.Lines, maxLines)
		}
	}
}

// checkDoc wants a doc.go in every package that others import. A package of one
// file may say it there.
func checkDoc(t *Tree, report reporter) {
	for pkg, files := range t.packages() {
		var proper []*File // written by hand, not tests
		documented := false
		for _, f := range files {
			if f.Test || f.Generated || f.Syntax.Name.Name == "main" {
				continue
			}
			proper = append(proper, f)
			documented = documented || path.Base(f.Path) == "doc.go" && f.Syntax.Doc != nil
		}
		if len(proper) == 0 || documented || len(proper) == 1 && proper[0].Syntax.Doc != nil {
			continue
		}
		report(proper[0].Syntax.Package, "package %s has no doc.go that says purpose, ownership and goroutines", pkg)
	}
}

func checkInit(t *Tree, report reporter) {
	for _, f := range t.Files {
		if f.Generated || within(f.Path, "cmd") {
			continue
		}
		for _, decl := range f.Syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				report(fn.Pos(), "init function: let the caller construct it")
			}
		}
	}
}

// checkFields looks for back-pointers and stored contexts. Package server may
// store one: grpc.ServerStream can only be given another context that way.
func checkFields(t *Tree, report reporter) {
	for _, f := range t.Files {
		if f.Generated || f.Test {
			continue
		}
		contextName := f.importName("context")
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range s.Fields.List {
				for _, name := range field.Names {
					if strings.EqualFold(name.Name, "parent") {
						report(name.Pos(), "field %s: no back-pointers; pass data as arguments, news by hooks", name.Name)
					}
				}
				if contextName != "" && isSelector(field.Type, contextName, "Context") && !within(f.Package(), "server") {
					report(field.Pos(), "context in a struct: pass it as the first argument")
				}
			}
			return true
		})
	}
}

// checkFinalizers: native memory is freed by Close and by nothing else.
func checkFinalizers(t *Tree, report reporter) {
	for _, f := range t.Files {
		runtime := f.importName("runtime")
		if runtime == "" {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			expr, ok := n.(ast.Expr)
			if ok && (isSelector(expr, runtime, "SetFinalizer") || isSelector(expr, runtime, "AddCleanup")) {
				report(n.Pos(), "finalizer: Close frees, the garbage collector does not")
			}
			return true
		})
	}
}

// checkErrorComparison wants errors.Is for sentinels: a wrapped error is never
// equal to one. io.EOF is left out, because readers promise to return it bare.
// Tests may compare, to show that an error is what it is.
func checkErrorComparison(t *Tree, report reporter) {
	sentinel := regexp.MustCompile(`^(err|.*Err|Err[A-Z].*)$`)
	isError := func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.Ident:
			return sentinel.MatchString(e.Name)
		case *ast.SelectorExpr:
			return sentinel.MatchString(e.Sel.Name)
		}
		return false
	}
	isNil := func(e ast.Expr) bool {
		id, ok := e.(*ast.Ident)
		return ok && id.Name == "nil"
	}
	for _, f := range t.Files {
		if f.Generated || f.Test {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			b, ok := n.(*ast.BinaryExpr)
			if ok && (b.Op == token.EQL || b.Op == token.NEQ) && isError(b.X) && isError(b.Y) && !isNil(b.X) && !isNil(b.Y) {
				report(b.Pos(), "error compared with %s: use errors.Is", b.Op)
			}
			return true
		})
	}
}

// checkSleep: a test waits for a condition or runs in a synctest bubble, where
// sleeping costs no time and is exact. Programs that measure may sleep.
func checkSleep(t *Tree, report reporter) {
	for _, f := range t.Files {
		timeName := f.importName("time")
		if !f.Test || timeName == "" || within(f.Path, "bench") {
			continue
		}
		synctest := f.importName("testing/synctest")
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if synctest != "" && isSelector(n.Fun, synctest, "Test") {
					return false
				}
			case *ast.FuncDecl:
				return !strings.HasPrefix(n.Name.Name, "Benchmark")
			case *ast.SelectorExpr:
				if isSelector(n, timeName, "Sleep") {
					report(n.Pos(), "time.Sleep in a test: wait for the condition, or use testing/synctest")
				}
			}
			return true
		})
	}
}

// checkGoleak: a package that starts goroutines shows that none is left.
func checkGoleak(t *Tree, report reporter) {
	for pkg, files := range t.packages() {
		var start token.Pos
		verified := false
		for _, f := range files {
			goleak := f.importName("go.uber.org/goleak")
			ast.Inspect(f.Syntax, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					if !f.Test && f.Syntax.Name.Name != "main" {
						start = n.Pos()
					}
				case *ast.SelectorExpr:
					verified = verified || f.Test && goleak != "" && isSelector(n, goleak, "VerifyTestMain")
				}
				return true
			})
		}
		if start.IsValid() && !verified {
			report(start, "package %s starts goroutines, and none of its tests calls goleak.VerifyTestMain", pkg)
		}
	}
}

// importName is the name by which f uses the package with this path, or "".
func (f *File) importName(importPath string) string {
	for _, spec := range f.Syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// isSelector says whether e is pkg.name.
func isSelector(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}
