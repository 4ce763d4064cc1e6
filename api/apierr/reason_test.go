package apierr

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/reflect/protoreflect"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// reasons returns the values of all Reason constants in reason.go.
func reasons(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Reason" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if out[value] {
			t.Errorf("reason %s twice", value)
		}
		out[value] = true
		return true
	})
	if len(out) < 40 {
		t.Fatalf("found %d reasons only", len(out))
	}
	return out
}

// ErrorInfo's own comment asks for this form.
func TestReasonsAreWellFormed(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`)
	for r := range reasons(t) {
		if !form.MatchString(r) {
			t.Errorf("reason %q does not match %v", r, form)
		}
	}
}

// Every name in capitals that the services' comments mention must exist: a reason,
// a gRPC code, or an enum value.
func TestContractNamesExist(t *testing.T) {
	known := reasons(t)
	for name := range code.Code_value {
		known[name] = true
	}
	files := []protoreflect.FileDescriptor{
		frameportv1.File_frameport_v1_backend_proto,
		frameportv1.File_frameport_v1_camera_proto,
		frameportv1.File_frameport_v1_camera_service_proto,
		frameportv1.File_frameport_v1_camera_status_proto,
		frameportv1.File_frameport_v1_media_proto,
		frameportv1.File_frameport_v1_output_proto,
		frameportv1.File_frameport_v1_share_proto,
		frameportv1.File_frameport_v1_tensor_proto,
		frameportv1.File_frameport_v1_transport_proto,
	}
	for _, f := range files {
		for i := range f.Enums().Len() {
			enum := f.Enums().Get(i)
			for j := range enum.Values().Len() {
				name := string(enum.Values().Get(j).Name())
				known[name] = true
				// comments use the short form: DECODE_MODE_SKIP_NON_REFERENCE or SKIP_NON_REFERENCE
				if prefix := regexp.MustCompile(`^` + enumPrefix(string(enum.Name())) + `_`); prefix.MatchString(name) {
					known[prefix.ReplaceAllString(name, "")] = true
				}
			}
		}
	}
	protos, err := filepath.Glob("../../proto/frameport/v1/*.proto")
	if err != nil || len(protos) == 0 {
		t.Fatalf("no proto files: %v", err)
	}
	comment := regexp.MustCompile(`(?m)^\s*//.*$`)
	name := regexp.MustCompile(`\b[A-Z]+(?:_[A-Z0-9]+)+\b`)
	mentioned := 0
	for _, path := range protos {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range comment.FindAll(text, -1) {
			for _, n := range name.FindAll(line, -1) {
				mentioned++
				if !known[string(n)] {
					t.Errorf("%s mentions %s, which does not exist", filepath.Base(path), n)
				}
			}
		}
	}
	if mentioned < 50 {
		t.Errorf("only %d names found in comments; does the pattern still match?", mentioned)
	}
}

// enumPrefix turns "CameraState" into "CAMERA_STATE".
func enumPrefix(name string) string {
	out := make([]byte, 0, len(name)+4)
	for i, c := range []byte(name) {
		if i > 0 && c >= 'A' && c <= 'Z' {
			out = append(out, '_')
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		out = append(out, c)
	}
	return string(out)
}
