package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"time"
)

// EnvLog names the file that lines are appended to; empty = they are printed only.
const EnvLog = "FRAMEPORT_FIGURES_LOG"

// Figure is one measured value. Its form is that of the lines of `make hold`.
type Figure struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	Target *float64 `json:"target,omitempty"` // most that the value may be; nil = there is none
	Pass   *bool    `json:"pass,omitempty"`
	Detail string   `json:"detail,omitempty"`
}

// Value is a figure without a target.
func Value(name string, value float64, unit string) Figure {
	return Figure{Name: name, Value: math.Round(value*1000) / 1000, Unit: unit}
}

// AtMost sets the target.
func (f Figure) AtMost(limit float64) Figure {
	pass := f.Value <= limit
	f.Target, f.Pass = &limit, &pass
	return f
}

// With adds words to it.
func (f Figure) With(format string, args ...any) Figure {
	f.Detail = fmt.Sprintf(format, args...)
	return f
}

// Journal takes figures. Its methods may be called from any goroutine.
type Journal struct {
	machine Machine
	path    string

	mu  sync.Mutex
	out io.Writer
}

// Open looks at the machine. Lines go to standard output, and to the file that
// [EnvLog] names.
func Open() *Journal { return &Journal{machine: Here(), path: os.Getenv(EnvLog), out: os.Stdout} }

// Add writes figures down.
func (j *Journal) Add(all ...Figure) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range all {
		line, err := json.Marshal(struct {
			Figure
			Machine
		}{f, j.machine})
		if err != nil {
			return fmt.Errorf("figure %q: %w", f.Name, err)
		}
		line = append(line, '\n')
		if _, err := j.out.Write(line); err != nil {
			return err
		}
		if err := j.keep(line); err != nil {
			return err
		}
	}
	return nil
}

// keep appends a line to the file in one write: other programs append as well.
func (j *Journal) keep(line []byte) error {
	if j.path == "" {
		return nil
	}
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Close())
}

// Seconds are durations of the same thing, done several times.
type Seconds []time.Duration

// At returns a quantile, 1 = the longest.
func (s Seconds) At(share float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(math.Ceil(share*float64(len(s))))-1)].Seconds()
}

// Median is the figure that half of them are not above.
func (s Seconds) Median(name string) Figure { return s.figure(name+", median", 0.5) }

// P95 is the figure that 95 of 100 are not above.
func (s Seconds) P95(name string) Figure { return s.figure(name+", p95", 0.95) }

// Longest is the figure of the worst.
func (s Seconds) Longest(name string) Figure { return s.figure(name+", longest", 1) }

func (s Seconds) figure(name string, share float64) Figure {
	return Value(name, s.At(share), "s").With("%d times", len(s))
}
