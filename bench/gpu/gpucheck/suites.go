package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/frameport/frameport/gpu/gputest"
)

// suite is a compiled test program of the bundle.
type suite struct {
	pkg   string
	limit time.Duration
	// without are the tests that read the source tree or call a compiler: they are
	// not about hardware.
	without []string
}

func suites() []suite {
	return []suite{
		{pkg: "gpu", limit: 60 * time.Second, without: []string{
			"TestOpenRefusals", "TestOpenWithoutVideoCapability", "TestOpenDeviceRefusals", "TestDriverDescribesDevices", "TestEnginesUnknown",
		}},
		{pkg: "gpu/surface", limit: 30 * time.Second},
		{pkg: "gpu/kernels", limit: 60 * time.Second, without: []string{"TestFresh"}},
		{pkg: "decoder/nvdec", limit: 120 * time.Second},
		{pkg: "convert/gpuconv", limit: 90 * time.Second},
		{pkg: "jpeg/nvjpeg", limit: 60 * time.Second},
	}
}

// file is the program's name in the bundle.
func (s suite) file() string { return strings.ReplaceAll(s.pkg, "/", "-") + ".test" }

func (s suite) part() part {
	return part{
		name: "suite/" + path.Base(s.pkg), about: "tests of package " + s.pkg + " on this driver", limit: s.limit,
		run: func(ctx context.Context, b bundle) (result, error) { return s.run(ctx, b) },
	}
}

// suiteResult is how a test program went. Tests below tests count as well.
type suiteResult struct {
	Package string   `json:"package"`
	Passed  int      `json:"passed"`
	Failed  []string `json:"failed"`
	// Faults were skipped because they make the driver fail, which only the simulated
	// one can be told to.
	Faults []string `json:"skipped_fault_injection"`
	// Skipped for other reasons, each with its reason.
	Skipped []string `json:"skipped_other"`
	// LeftOut are not started: they need the source tree.
	LeftOut []string `json:"left_out_need_source_tree"`
	// Output is the end of what a program said that did not pass.
	Output string `json:"output,omitempty"`
}

func (s suite) run(ctx context.Context, b bundle) (result, error) {
	dir, err := os.MkdirTemp("", "gpucheck-suite-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	args := []string{"-test.v", "-test.count=1", "-test.timeout=" + s.limit.String()}
	if len(s.without) > 0 {
		args = append(args, "-test.skip=^("+strings.Join(s.without, "|")+")$")
	}
	cmd := exec.CommandContext(ctx, b.path("tests", s.file()), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), b.environment()...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	r := parseSuite(s.pkg, &out)
	r.LeftOut = append(r.LeftOut, s.without...)
	switch {
	case err != nil:
		r.Output = lastOf(out.String())
		err = fmt.Errorf("%d tests failed: %w", len(r.Failed), err)
	case r.Passed == 0:
		err = errors.New("no test ran")
	}
	return r, err
}

// lastOf is the last part of a long text.
func lastOf(s string) string {
	var t tail
	_, _ = t.Write([]byte(s)) // never fails
	return t.String()
}

// parseSuite reads the output of a test program with -test.v.
func parseSuite(pkg string, out *bytes.Buffer) *suiteResult {
	r := &suiteResult{Package: pkg, Failed: []string{}, Faults: []string{}, Skipped: []string{}, LeftOut: []string{}}
	verdict := regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+)`)
	running := regexp.MustCompile(`^=== (?:RUN|CONT|NAME)\s+(\S+)`)
	place := regexp.MustCompile(`^\s+\w+\.go:\d+: (.*)`)
	// What tests say stands below their names, the verdicts of those below others at
	// the end of the outermost.
	said, current := make(map[string]string), ""
	lines := bufio.NewScanner(bytes.NewReader(out.Bytes()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := running.FindStringSubmatch(line); m != nil {
			current = m[1]
			continue
		}
		if m := place.FindStringSubmatch(line); m != nil {
			said[current] = m[1]
			continue
		}
		m := verdict.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		switch name := m[2]; {
		case m[1] == "PASS":
			r.Passed++
		case m[1] == "FAIL":
			r.Failed = append(r.Failed, name)
		case said[name] == gputest.NeedsSimulator:
			r.Faults = append(r.Faults, name)
		default:
			r.Skipped = append(r.Skipped, name+": "+said[name])
		}
	}
	return r
}

func (r *suiteResult) print(w io.Writer) {
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped because they inject faults, %d for other reasons, %d left out because they need the source tree\n",
		r.Passed, len(r.Failed), len(r.Faults), len(r.Skipped), len(r.LeftOut))
	for _, group := range []struct {
		name string
		list []string
	}{{"failed", r.Failed}, {"fault injection", r.Faults}, {"skipped", r.Skipped}, {"left out", r.LeftOut}} {
		for _, t := range group.list {
			fmt.Fprintf(w, "  %s: %s\n", group.name, t)
		}
	}
	if r.Output != "" {
		fmt.Fprintf(w, "%s\n", r.Output)
	}
}
