//go:build failpoint

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// FromEnvironment arms what the environment asks for.
func FromEnvironment() error {
	var all []entry
	for text := range strings.SplitSeq(os.Getenv(Variable), ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		e, err := parse(text)
		if err != nil {
			return fmt.Errorf("%s: %q: %w", Variable, text, err)
		}
		all = append(all, e)
	}
	for _, e := range all {
		e.arm(time.Now())
	}
	return nil
}

// Notice is what people must be told about failpoints; "" = nothing.
func Notice() string {
	armed := os.Getenv(Variable)
	if armed == "" {
		armed = "nothing"
	}
	return "this build has failpoints and is for tests only; armed from the start: " + armed
}

// entry is one part of [Variable]: point[@target][:times or step][/after].
type entry struct {
	point  Point
	target string
	times  int
	after  time.Duration
	step   time.Duration
	year   int // that the clock is set to; 0 = it is stepped
}

func parse(text string) (e entry, err error) {
	text, after, delayed := strings.Cut(text, "/")
	if delayed {
		if e.after, err = time.ParseDuration(after); err != nil || e.after < 0 {
			return e, fmt.Errorf("%q is no time to wait: write 30s", after)
		}
	}
	text, value, _ := strings.Cut(text, ":")
	text, e.target, _ = strings.Cut(text, "@")
	known := false
	for e.point = range clockStep + 1 {
		if known = e.point.String() == text; known {
			break
		}
	}
	switch {
	case !known:
		return e, fmt.Errorf("there is no point %q", text)
	case e.point == clockStep:
		return e, e.clock(value)
	case value != "":
		if e.times, err = strconv.Atoi(value); err != nil || e.times < 1 {
			return e, fmt.Errorf("%q is no number of times", value)
		}
	}
	return e, nil
}

func (e *entry) clock(value string) (err error) {
	if len(value) == 4 {
		if e.year, err = strconv.Atoi(value); err == nil && e.year >= 1970 {
			return nil
		}
	}
	if e.step, err = time.ParseDuration(value); err != nil || e.step == 0 || e.step%time.Second != 0 {
		return fmt.Errorf("%q is neither a step of whole seconds nor a year: write +1h, -1h or 1970", value)
	}
	return nil
}

func (e *entry) arm(now time.Time) {
	switch {
	case e.point != clockStep:
		arm(e.point, e.target, e.times, now.Add(e.after))
	case e.year != 0:
		time.AfterFunc(e.after, func() { SetClock(time.Date(e.year, 1, 1, 0, 0, 0, 0, time.UTC)) })
	default:
		time.AfterFunc(e.after, func() { StepClock(e.step) })
	}
}
