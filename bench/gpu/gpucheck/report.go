package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// schema is the version of the report's shape.
const schema = 1

// States of a part.
const (
	stateOK      = "ok"
	stateFailed  = "failed"    // it said so, or it ended without a word
	stateTimeout = "timed out" // it was killed
	stateNotRun  = "not run"   // no time was left
)

// report is gpu-check.json.
type report struct {
	Schema int `json:"schema"`
	// Simulated: the driver was gpu/gpusim, so no number is about any hardware.
	Simulated bool      `json:"simulated"`
	Complete  bool      `json:"complete"` // every part is ok
	Version   string    `json:"version"`  // of the bundle
	GPU       string    `json:"gpu"`
	Driver    string    `json:"driver"`
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds"`
	Host      host      `json:"host"`
	Parts     []outcome `json:"parts"`
}

// outcome is what became of one part.
type outcome struct {
	Name    string          `json:"name"`
	About   string          `json:"about"`
	State   string          `json:"state"`
	Seconds float64         `json:"seconds"`
	Error   string          `json:"error,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`

	text string
}

// write writes both files.
func (r *report) write(dir string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "gpu-check.json"), append(raw, '\n'), 0o644); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "gpu-check.txt"))
	if err != nil {
		return err
	}
	r.print(f)
	return f.Close()
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "Frameport GPU check, version %s, %s\n", r.Version, r.Started.Format(time.RFC3339))
	if r.Simulated {
		fmt.Fprint(w, "\n*** SIMULATED driver: no number below is about any hardware. ***\n")
	}
	fmt.Fprintf(w, "\nGPU     %s\ndriver  %s\nhost    %s, %d processors, %s\ntook    %.0f s\n\n", r.GPU, r.Driver, r.Host.CPU, r.Host.Processors, r.Host.Kernel, r.Seconds)
	for _, o := range r.Parts {
		fmt.Fprintf(w, "%-10s %-22s %6.1f s  %s\n", o.State, o.Name, o.Seconds, o.About)
	}
	for _, o := range r.Parts {
		fmt.Fprintf(w, "\n== %s: %s ==\n", o.Name, o.About)
		if o.State != stateOK {
			fmt.Fprintf(w, "%s: %s\n", o.State, o.Error)
		}
		fmt.Fprintln(w, strings.TrimRight(o.text, "\n"))
	}
}
