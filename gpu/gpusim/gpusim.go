package gpusim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"github.com/frameport/frameport/internal/dl"
)

// ErrNotBuilt means that the shared objects are not there.
var ErrNotBuilt = errors.New("the simulated driver is not built, run: make gpusim")

// Dir returns the folder with the shared objects: FRAMEPORT_GPUSIM_DIR, or
// build/gpusim of the module that the working directory is in.
func Dir() (string, error) {
	if dir := os.Getenv("FRAMEPORT_GPUSIM_DIR"); dir != "" {
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			out := filepath.Join(dir, "build", "gpusim")
			if _, err := os.Stat(filepath.Join(out, "libcuda.so.1")); err != nil {
				return "", fmt.Errorf("%w (looked in %s)", ErrNotBuilt, out)
			}
			return out, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("%w (no go.mod above the working directory)", ErrNotBuilt)
		}
		dir = parent
	}
}

// Sim is the simulated driver in this process. All methods may be called from any
// goroutine.
type Sim struct {
	symbols map[string]unsafe.Pointer
}

// Open returns the driver in the folder of [Dir]. It is the same one that a loader
// with that folder gets, since the process holds a library only once.
func Open() (*Sim, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	lib, err := dl.Open([]string{"libcuda.so.1"}, []string{dir})
	if err != nil {
		return nil, err
	}
	s := &Sim{symbols: make(map[string]unsafe.Pointer)}
	for _, name := range []string{
		"fp_gpusim_live", "fp_gpusim_kind", "fp_gpusim_calls", "fp_gpusim_fail", "fp_gpusim_block",
		"fp_gpusim_stall", "fp_gpusim_used", "fp_gpusim_take_violations", "fp_gpusim_report",
	} {
		if s.symbols[name], err = lib.Symbol(name); err != nil {
			return nil, fmt.Errorf("%s is not the simulated driver: %w", lib.Path(), err)
		}
	}
	return s, nil
}

// Live counts the living objects of a kind, or of all kinds for "". It is -1 for a
// kind that does not exist; see README.md for the names.
func (s *Sim) Live(kind string) int64 { return s.callName("fp_gpusim_live", kind) }

// Leaks lists the kinds of which something lives, and how much.
func (s *Sim) Leaks() map[string]int64 {
	leaks := make(map[string]int64)
	for k := 0; ; k++ {
		name := s.kindName(k)
		if name == "" {
			return leaks
		}
		if n := s.Live(name); n != 0 {
			leaks[name] = n
		}
	}
}

// Used is the device memory in use in bytes, the driver's own included.
func (s *Sim) Used(device int) int64 { return s.callDevice("fp_gpusim_used", device) }

// Calls tells how often a function was called (its name without _v2) since the
// start or the last Fail or Block.
func (s *Sim) Calls(name string) int64 { return s.callName("fp_gpusim_calls", name) }

// Fail replaces the faults of FRAMEPORT_GPUSIM_FAIL and counts calls anew.
func (s *Sim) Fail(spec string) { s.callSpec("fp_gpusim_fail", spec) }

// Block replaces the delays of FRAMEPORT_GPUSIM_BLOCK and counts calls anew.
func (s *Sim) Block(spec string) { s.callSpec("fp_gpusim_block", spec) }

// Stall stops all streams, or lets them go on.
func (s *Sim) Stall(on bool) {
	v := 0
	if on {
		v = 1
	}
	s.callInt("fp_gpusim_stall", v)
}

// TakeViolations returns how many rules were broken and the last one's text, and
// forgets them.
func (s *Sim) TakeViolations() (count int64, last string) {
	return s.callText("fp_gpusim_take_violations")
}

// Report prints leaks and violations to standard error and returns their number.
// A Go program that ends runs no exit handler, so its TestMain calls this.
func (s *Sim) Report() int64 { return s.callNone("fp_gpusim_report") }

// Verify is an error when anything lives or any rule was broken.
func (s *Sim) Verify() error {
	var errs []error
	for kind, n := range s.Leaks() {
		errs = append(errs, fmt.Errorf("gpusim: leak: %d %s", n, kind))
	}
	if n, last := s.TakeViolations(); n > 0 {
		errs = append(errs, fmt.Errorf("gpusim: %d violations, the last: %s", n, last))
	}
	return errors.Join(errs...)
}

// ReadReport reads the file of FRAMEPORT_GPUSIM_REPORT, which tells what lived in
// another process when it ended, however it ended. "violation" is among the names.
func ReadReport(path string) (map[string]int64, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64)
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return nil, fmt.Errorf("gpusim: %s: %q is no line of a report", path, line)
		}
		if out[fields[0]], err = strconv.ParseInt(fields[1], 10, 64); err != nil {
			return nil, fmt.Errorf("gpusim: %s: %w", path, err)
		}
	}
	return out, nil
}
