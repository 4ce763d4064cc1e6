package archtest

import "strings"

// unit is a package and the packages below it in the tree that have no entry of
// their own: "rtsp" covers rtsp/sdp. Packages of one unit import each other as
// they like; between units only the level counts.
type unit struct {
	path  string
	level int
	// support marks what only tests, programs and other support may import:
	// simulated cameras, clips, the suites that implementations pass.
	support bool
}

const (
	levelAssembly = 4 // where implementations are put together
	levelProgram  = 5
)

// units is the table of ARCHITECTURE.md, "Import rule".
func units() []unit {
	return []unit{
		{path: "internal/failpoint", level: -1}, // nothing at all without its build tag

		{path: "media"},
		{path: "fault"},
		{path: "api"},
		{path: "internal/secret"},
		{path: "internal/dl"},
		{path: "internal/shm"},
		{path: "internal/kserve"},
		{path: "internal/archtest"},
		{path: "internal/figures", support: true},
		{path: "gpu/nvml"},

		{path: "frame", level: 1},
		{path: "rtsp", level: 1},
		{path: "config", level: 1},
		{path: "gpu", level: 1},
		{path: "internal/camsim", level: 1, support: true},
		{path: "internal/testvideo", level: 1, support: true},
		{path: "internal/kservetest", level: 1, support: true},
		{path: "gpu/gpusim", level: 1, support: true},

		{path: "auth", level: 2},
		{path: "auth/authtest", level: 3, support: true},
		{path: "internal/e2e", level: 2, support: true},
		{path: "gpu/surface", level: 2},
		{path: "gpu/kernels", level: 2},
		{path: "gpu/gputest", level: 2, support: true},
		{path: "decoder", level: 2},
		{path: "convert", level: 2},
		{path: "jpeg", level: 2},

		{path: "decoder/avcodec", level: 3},
		{path: "decoder/nvdec", level: 3},
		{path: "decoder/isolated", level: 3},
		{path: "decoder/decodertest", level: 3, support: true},
		{path: "convert/hostconv", level: 3},
		{path: "convert/gpuconv", level: 3},
		{path: "convert/converttest", level: 3, support: true},
		{path: "jpeg/turbo", level: 3},
		{path: "jpeg/nvjpeg", level: 3},
		{path: "jpeg/jpegtest", level: 3, support: true},
		{path: "render", level: 3},
		{path: "camera", level: 3},
		{path: "inference", level: 3},

		{path: "backend", level: levelAssembly},
		{path: "server", level: levelAssembly},
		{path: "telemetry", level: levelAssembly},
		{path: "internal/invariant", level: levelAssembly, support: true},

		{path: "cmd", level: levelProgram},
		{path: "bench", level: levelProgram},
		{path: "internal/peers", level: levelProgram},
		{path: "internal/faults", level: levelProgram},
		{path: "examples", level: levelProgram},
		{path: "tools", level: levelProgram},
		{path: "deps", level: levelProgram},
	}
}

// unitOf finds the unit with the longest path that covers pkg.
func unitOf(pkg string) (unit, bool) {
	var best unit
	for _, u := range units() {
		if within(pkg, u.path) && len(u.path) > len(best.path) {
			best = u
		}
	}
	return best, best.path != ""
}

// within says whether pkg is the package dir or below it.
func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

func checkLevels(t *Tree, report reporter) {
	for _, f := range t.Files {
		from, known := unitOf(f.Package())
		if !known {
			report(f.Syntax.Package, "package %s has no level: add it to internal/archtest/levels.go and to ARCHITECTURE.md", f.Package())
			continue
		}
		for _, imp := range f.Imports() {
			local, inModule := imp.Local()
			if !inModule {
				continue
			}
			to, known := unitOf(local)
			if !known || to.path == from.path {
				continue // an unknown package is reported at its own files
			}
			if text := forbidden(f, from, to); text != "" {
				report(imp.Pos, "%s", text)
			}
		}
	}
}

// forbidden says why file f of one unit may not import another, or "".
func forbidden(f *File, from, to unit) string {
	switch {
	case f.Test:
		// Tests put real things together, but the thing tested is not the whole
		// program: that would hide a cycle of ideas behind an external test package.
		if to.level >= levelAssembly && to.level >= from.level {
			return "a test of " + from.path + " imports " + to.path + ": test it from there, or from cmd"
		}
	case to.support:
		if !from.support && from.level != levelProgram {
			return from.path + " imports " + to.path + ", which is for tests and programs only"
		}
	case to.level > from.level:
		return from.path + " imports " + to.path + ", which is above it: pass the value in, or declare the interface here"
	case to.level == from.level:
		return from.path + " imports its sibling " + to.path + ": let the level above join them"
	}
	return ""
}
