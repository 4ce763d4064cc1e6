package archtest

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the import path of the repository's root.
const Module = "github.com/frameport/frameport"

// Tree is the parsed source of a module.
type Tree struct {
	Fset  *token.FileSet
	Files []*File // in the order of their paths
}

// File is one Go file of a Tree.
type File struct {
	Path      string // slash-separated, relative to the module's root
	Lines     int
	Test      bool // _test.go
	Generated bool // has the standard "Code generated … DO NOT EDIT." line
	Syntax    *ast.File
}

// Package is the file's package path relative to the module's root: "rtsp/sdp".
// An external test package counts as the package that it tests.
func (f *File) Package() string { return path.Dir(f.Path) }

// Imports lists the import paths of the file with their positions.
func (f *File) Imports() []Import {
	imports := make([]Import, 0, len(f.Syntax.Imports))
	for _, spec := range f.Syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has accepted it, so it is a string literal
		}
		imports = append(imports, Import{Path: p, Pos: spec.Pos()})
	}
	return imports
}

// Import is one import of a File.
type Import struct {
	Path string
	Pos  token.Pos
}

// Local is the path relative to the module's root, when it is in the module.
func (i Import) Local() (string, bool) { return strings.CutPrefix(i.Path, Module+"/") }

// Load parses all Go files under fsys, except those of nested modules, testdata
// and folders that begin with a dot or underscore or hold build results.
func Load(fsys fs.FS) (*Tree, error) {
	tree := &Tree{Fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(fsys, name)
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		return tree.add(name, source)
	})
	if err != nil {
		return nil, fmt.Errorf("archtest: load: %w", err)
	}
	slices.SortFunc(tree.Files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	return tree, nil
}

// enter says whether a folder is walked: nil, or fs.SkipDir.
func enter(fsys fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	if base == "testdata" || dir == "build" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (t *Tree) add(name string, source []byte) error {
	syntax, err := parser.ParseFile(t.Fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.Files = append(t.Files, &File{
		Path:      name,
		Lines:     bytes.Count(source, []byte("\n")),
		Test:      strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(syntax),
		Syntax:    syntax,
	})
	return nil
}

// packages groups the files by package path.
func (t *Tree) packages() map[string][]*File {
	packages := make(map[string][]*File)
	for _, f := range t.Files {
		packages[f.Package()] = append(packages[f.Package()], f)
	}
	return packages
}
