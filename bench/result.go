package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/frameport/frameport/internal/figures"
)

// row is one result. A row without target is there to compare with.
type row struct {
	Name   string
	Value  float64
	Unit   string
	Limit  float64 // most that the value may be, 0 = no target
	Exact  bool    // the target is Limit itself, which may be 0
	Detail string  // spread, load, what was compared
}

func (r row) hasTarget() bool { return r.Limit > 0 || r.Exact }

func (r row) pass() bool { return r.Value <= r.Limit }

func (r row) target() string {
	switch {
	case !r.hasTarget():
		return ""
	case r.Limit == 0:
		return "0"
	}
	return "≤ " + number(r.Limit)
}

func (r row) verdict() string {
	switch {
	case !r.hasTarget():
		return ""
	case r.pass():
		return "yes"
	}
	return "**no**"
}

// results is everything that was measured in one run.
type results struct {
	machine figures.Machine
	rows    []row
}

// line is a row for programs. Target and pass are left out without a target.
type line struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	Target *float64 `json:"target,omitempty"`
	Pass   *bool    `json:"pass,omitempty"`
	Detail string   `json:"detail,omitempty"`
	figures.Machine
}

func (r *results) print(w io.Writer) error {
	m := r.machine
	_, err := fmt.Fprintf(w, "%s, %d cores, load %s, %s, commit %s, %s\n\n| What | Value | Unit | Target | Met | Detail |\n|---|---:|---|---|---|---|\n",
		m.CPU, m.Cores, m.Load, m.Go, m.Commit, m.Time.Format(time.DateOnly))
	if err != nil {
		return err
	}
	for _, x := range r.rows {
		_, err := fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", x.Name, number(x.Value), x.Unit, x.target(), x.verdict(), x.Detail)
		if err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return r.lines(w)
}

// lines prints a JSON object for each row.
func (r *results) lines(w io.Writer) error {
	m := r.machine
	out := json.NewEncoder(w)
	for _, x := range r.rows {
		l := line{Name: x.Name, Value: x.Value, Unit: x.Unit, Detail: x.Detail, Machine: m}
		if x.hasTarget() {
			limit, pass := x.Limit, x.pass()
			l.Target, l.Pass = &limit, &pass
		}
		if err := out.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// missed is an error that lists the rows that missed their targets; nil = none did. A row
// without a number has missed it.
func (r *results) missed() error {
	var list []string
	for _, x := range r.rows {
		if x.hasTarget() && !x.pass() {
			list = append(list, fmt.Sprintf("%s = %s %s, wanted %s (%s)", x.Name, number(x.Value), x.Unit, x.target(), x.Detail))
		}
	}
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("%d targets missed:\n  %s", len(list), strings.Join(list, "\n  "))
}

// journal appends the lines to a file.
func (r *results) journal(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(r.lines(f), f.Close())
}

// number prints three significant digits, and whole numbers in full.
func number(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	s := strconv.FormatFloat(v, 'f', max(digits, 0), 64)
	if trimmed, err := strconv.ParseFloat(s, 64); err == nil {
		return strconv.FormatFloat(trimmed, 'f', -1, 64)
	}
	return s
}
