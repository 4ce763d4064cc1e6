package archtest

import (
	"slices"
	"strings"
)

// library is a module that only some packages may import.
type library struct {
	prefix string
	users  []string
}

// libraries keeps each large dependency behind the package that wraps it, so
// that replacing one is a change in one place.
func libraries() []library {
	return []library{
		{prefix: "google.golang.org/grpc", users: []string{
			"api", "server", "cmd", "bench", "examples", "internal/e2e", "internal/faults", "inference", "internal/kserve", "internal/kservetest",
		}},
		{prefix: "github.com/bluenviron/gortsplib", users: []string{"rtsp"}},
		{prefix: "github.com/asticode/go-astiav", users: []string{"decoder/avcodec", "convert/hostconv"}},
		{prefix: "github.com/NVIDIA/go-nvml", users: []string{"gpu/nvml"}},
		{prefix: "github.com/alecthomas/kong", users: []string{"cmd", "bench", "tools"}},
	}
}

func checkLibraries(t *Tree, report reporter) {
	for _, f := range t.Files {
		for _, imp := range f.Imports() {
			for _, lib := range libraries() {
				if !within(imp.Path, lib.prefix) {
					continue
				}
				if !slices.ContainsFunc(lib.users, func(user string) bool { return within(f.Package(), user) }) {
					report(imp.Pos, "%s is imported outside %s", lib.prefix, strings.Join(lib.users, ", "))
				}
			}
		}
	}
}

// cgoPackages are the only ones with C in them.
func cgoPackages() []string {
	return []string{
		"internal/dl", "internal/shm", "gpu", "gpu/gputest", "decoder/avcodec", "decoder/nvdec",
		"convert/hostconv", "gpu/kernels/hostkernels", "jpeg/turbo", "jpeg/nvjpeg",
	}
}

func checkCgo(t *Tree, report reporter) {
	first := make(map[string]string) // package: its file with cgo
	for _, f := range t.Files {
		for _, imp := range f.Imports() {
			if imp.Path != "C" {
				continue
			}
			pkg := f.Package()
			switch {
			case !slices.Contains(cgoPackages(), pkg):
				report(imp.Pos, "package %s uses cgo, which is for %s", pkg, strings.Join(cgoPackages(), ", "))
			case !strings.HasSuffix(f.Path, "_cgo.go"):
				report(imp.Pos, "cgo stands in files named *_cgo.go")
			case first[pkg] != "":
				report(imp.Pos, "cgo stands in one file per package, and %s has %s already", pkg, first[pkg])
			default:
				first[pkg] = f.Path
			}
		}
	}
}
