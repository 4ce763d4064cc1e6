package gputest

import (
	"fmt"
	"unsafe"

	"github.com/frameport/frameport/internal/dl"
)

// control is the simulator's side door: nil functions where the driver is real.
type control struct {
	live, calls, fail, block, stall, kind, take unsafe.Pointer
}

func newControl(libcuda string) (control, error) {
	l, err := dl.Open([]string{libcuda}, nil)
	if err != nil {
		return control{}, err
	}
	var c control
	if _, err := l.Symbol("fp_gpusim_live"); err != nil {
		return c, nil // a real driver
	}
	for name, p := range map[string]*unsafe.Pointer{
		"fp_gpusim_live": &c.live, "fp_gpusim_calls": &c.calls, "fp_gpusim_fail": &c.fail,
		"fp_gpusim_block": &c.block, "fp_gpusim_stall": &c.stall, "fp_gpusim_kind": &c.kind,
		"fp_gpusim_take_violations": &c.take,
	} {
		if *p, err = l.Symbol(name); err != nil {
			return c, fmt.Errorf("the simulator is out of date, run make gpusim: %w", err)
		}
	}
	return c, nil
}

// Simulated says whether the driver is the simulator: without it the controls do nothing.
func (s *Sim) Simulated() bool { return s.control.live != nil }

// NeedsSimulator is why a test is skipped on a real driver; reports of test runs
// there look for it.
const NeedsSimulator = "only the simulated driver can be made to do this"

// NeedsSimulator skips the test on a real driver.
func (s *Sim) NeedsSimulator() {
	s.tb.Helper()
	if !s.Simulated() {
		s.tb.Skip(NeedsSimulator)
	}
}

// Live is how many objects of a kind live ("memory", "stream", "decoder", …), or
// of all kinds for "".
func (s *Sim) Live(kind string) int64 {
	if !s.Simulated() {
		return 0
	}
	return callText(s.control.live, kind)
}

// Calls is how often a driver's function was called since the faults were last set.
func (s *Sim) Calls(function string) int64 {
	if !s.Simulated() {
		return 0
	}
	return callText(s.control.calls, function)
}

// Fail sets faults, "function:n:code" with commas between them: the n-th call from
// now on (n+: and all later ones, 0: every one) returns the code. "" ends them.
func (s *Sim) Fail(spec string) {
	if s.Simulated() {
		callSet(s.control.fail, spec)
	}
}

// Block sets calls that block, "function:n:milliseconds" (-1: for ever), as Fail does.
func (s *Sim) Block(spec string) {
	if s.Simulated() {
		callSet(s.control.block, spec)
	}
}

// Stall stops the work of all streams, so that whoever does not wait for it is
// seen, or lets it go on.
func (s *Sim) Stall(on bool) {
	if !s.Simulated() {
		return
	}
	n := 0
	if on {
		n = 1
	}
	callInt(s.control.stall, n)
}

// Violations returns how many rules of the driver were broken, with the text of
// the last, and forgets them: for tests that break one on purpose.
func (s *Sim) Violations() (int64, string) {
	if !s.Simulated() {
		return 0, ""
	}
	return callTake(s.control.take)
}

// leaks lists the kinds of which something lives.
func (s *Sim) leaks() []string {
	var list []string
	for i := 0; s.Simulated(); i++ {
		kind := callName(s.control.kind, i)
		if kind == "" {
			break
		}
		if n := s.Live(kind); n != 0 {
			list = append(list, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return list
}
