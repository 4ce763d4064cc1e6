package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile is the largest camera file in bytes.
const maxFile = 16 << 20

// File is a configuration file: the worker's settings and declared cameras.
//
//	worker:
//	  grpc_address: 127.0.0.1:50051
//	cameras:
//	  front-door:
//	    url: rtsp://192.0.2.10/stream1
//	    credentials: {username: viewer, password: secret}
//	    decode: {mode: KEYFRAMES}
type File struct {
	// Worker holds what the file says; defaults are not filled in.
	Worker Worker
	// Cameras are in the order of their ids, with defaults, valid.
	Cameras []Declared
}

// fileDocument mirrors File. Cameras are pointers so that "door:" with nothing
// below is seen as an empty camera and refused for its missing URL.
type fileDocument struct {
	Worker  workerDocument       `yaml:"worker"`
	Cameras map[string]*document `yaml:"cameras"`
}

// ReadFile reads the YAML file at path. Unknown keys, wrong types and syntax errors
// are reported with line and column; wrong values all at once as [*Problems]. A
// file that holds a password and can be read by every user is refused.
func ReadFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("config file %s is larger than %d MiB; is it the right file?", path, maxFile>>20)
	}
	file, err := ParseFile(data, filepath.Base(path))
	if err != nil {
		return nil, err
	}
	// Group access is left to the operator: Kubernetes mounts secrets with it.
	if mode := info.Mode().Perm(); mode&0o007 != 0 && file.hasPassword() {
		return nil, fmt.Errorf("config file %s holds passwords and is open to every user (mode %04o); run: chmod o-rwx %s", path, mode, path)
	}
	return file, nil
}

func (f *File) hasPassword() bool {
	return slices.ContainsFunc(f.Cameras, func(d Declared) bool { return d.Spec.Password.IsSet() })
}

// ParseFile reads a configuration file from memory; name stands for it in errors
// and origins.
func ParseFile(data []byte, name string) (*File, error) {
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, yamlError(name, err)
	}
	if len(tree.Docs) > 1 && tree.Docs[1].Body != nil {
		return nil, fmt.Errorf("%s holds more than one YAML document; keep one", name)
	}
	var doc fileDocument
	if len(tree.Docs) > 0 && tree.Docs[0].Body != nil {
		if err := yaml.NodeToValue(tree.Docs[0].Body, &doc, yaml.Strict()); err != nil {
			return nil, yamlError(name, err)
		}
	}
	lines := cameraLines(tree)
	file := &File{Worker: doc.Worker.worker()}
	problems := &Problems{}
	if err := file.Worker.validateSet(); err != nil {
		problems.List = append(problems.List, err.List...)
	}
	for id, d := range doc.Cameras {
		spec := Camera{}
		if d != nil {
			spec = d.camera()
		}
		collect(problems, "cameras."+id, id, &spec)
		file.Cameras = append(file.Cameras, Declared{id, spec, fmt.Sprintf("%s:%d", name, lines[id])})
	}
	slices.SortFunc(file.Cameras, func(a, b Declared) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(problems.List, func(a, b Problem) int { return strings.Compare(a.Field, b.Field) })
	if err := problems.ErrorOrNil(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return file, nil
}

// collect completes spec and adds what is wrong with it and its id, under path.
func collect(problems *Problems, path, id string, spec *Camera) {
	note := func(err error) {
		if p, ok := errors.AsType[*Problems](err); ok {
			problems.List = append(problems.List, p.Under(path)...)
		}
	}
	note(ValidCameraID(id))
	note(spec.MoveUserInfo())
	spec.EnsureDefaults()
	note(spec.Validate())
}

// cameraLines finds the line of each camera's key.
func cameraLines(tree *ast.File) map[string]int {
	lines := map[string]int{}
	for _, doc := range tree.Docs {
		for _, top := range mappingValues(doc.Body) {
			if top.Key.String() != "cameras" {
				continue
			}
			for _, camera := range mappingValues(top.Value) {
				token := camera.Key.GetToken()
				lines[token.Value] = token.Position.Line
			}
		}
	}
	return lines
}

func mappingValues(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		return nil
	}
}

// yamlError reports position and message, but never the source text, which may
// hold a password.
func yamlError(name string, err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil && e.GetToken().Position != nil {
		pos := e.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", name, pos.Line, pos.Column, e.GetMessage())
	}
	return fmt.Errorf("%s: %w", name, err)
}
