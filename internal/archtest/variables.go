package archtest

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
)

// checkPackageVariables looks for package variables that change: declared
// without a value, or assigned to, counted up, or lent by address anywhere in
// their package. Sentinel errors, compiled patterns and tables that are only
// read pass. Only files outside tests count.
func checkPackageVariables(t *Tree, report reporter) {
	for pkg, files := range t.packages() {
		var syntax []*ast.File
		for _, f := range files {
			if !f.Test && !f.Generated {
				syntax = append(syntax, f.Syntax)
			}
		}
		scope, uses := resolve(t.Fset, pkg, syntax)
		for _, f := range syntax {
			checkDeclarations(f, report)
			checkChanges(f, scope, uses, report)
		}
	}
}

// resolve says what each identifier of a package means, with nothing known
// about the packages that it imports: enough to tell a package variable from a
// local one of the same name.
func resolve(fset *token.FileSet, pkg string, files []*ast.File) (*types.Scope, map[*ast.Ident]types.Object) {
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	conf := types.Config{
		Importer:    noImports{},
		FakeImportC: true,
		Error:       func(error) {}, // everything imported is an error here
	}
	checked, _ := conf.Check(pkg, fset, files, info) // incomplete by intention
	return checked.Scope(), info.Uses
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not followed")
}

func checkDeclarations(f *ast.File, report reporter) {
	for _, decl := range f.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok || len(value.Values) > 0 || embedded(gen, value) {
				continue
			}
			report(value.Pos(), "package variable %s has no value, so it is there to be changed: put it into a struct", value.Names[0].Name)
		}
	}
}

// embedded says whether a variable is filled by //go:embed.
func embedded(gen *ast.GenDecl, value *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{gen.Doc, value.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if len(c.Text) > len("//go:embed ") && c.Text[:len("//go:embed ")] == "//go:embed " {
				return true
			}
		}
	}
	return false
}

func checkChanges(f *ast.File, scope *types.Scope, uses map[*ast.Ident]types.Object, report reporter) {
	changed := func(e ast.Expr, how string) {
		id := root(e)
		if id == nil {
			return
		}
		if v, ok := uses[id].(*types.Var); ok && v.Parent() == scope {
			report(e.Pos(), "package variable %s is %s: put it into a struct", id.Name, how)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				changed(left, "assigned to")
			}
		case *ast.IncDecStmt:
			changed(n.X, "changed")
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				changed(n.X, "lent by address")
			}
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
				changed(n.Args[0], "changed")
			}
		}
		return true
	})
}

// root is the variable that an assignable expression belongs to: a in a.b[i].
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
