package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// part is one piece of the check.
type part struct {
	name  string
	about string
	limit time.Duration // of the whole part; on the simulated driver it is the same
	// run does it. A result that came before an error is reported beside the error.
	run func(ctx context.Context, b bundle) (result, error)
}

// result is what a part found: encoded as JSON for programs, printed for people.
type result interface{ print(w io.Writer) }

// found is the file in which a child tells its parent.
type found struct {
	Result json.RawMessage `json:"result,omitempty"`
	Text   string          `json:"text"`
	Error  string          `json:"error,omitempty"`
	// Learned is for the parts that follow.
	Learned *learned `json:"learned,omitempty"`
}

// learned is what the first part finds out for the others.
type learned struct {
	Simulated   bool   `json:"simulated"`
	LibraryPath string `json:"library_path"`
	GPU         string `json:"gpu"`
	Driver      string `json:"driver"`
}

// teacher is a result that others need something of.
type teacher interface{ teach() learned }

// reserve is what a part has less than its limit, so that it can still tell what it
// has found when the time is over.
const reserve = 3 * time.Second

// runPart runs one part in this process and writes what it found. The error is for
// starting it only: what the part says is in the file.
func runPart(ctx context.Context, p part, b bundle, file string) error {
	ctx, cancel := context.WithTimeout(ctx, max(p.limit-reserve, p.limit/2))
	defer cancel()
	r, err := p.run(ctx, b)
	var f found
	if err != nil {
		f.Error = err.Error()
	}
	if r != nil {
		var text strings.Builder
		r.print(&text)
		f.Text = text.String()
		raw, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("part %s: %w", p.name, err)
		}
		f.Result = raw
		if t, ok := r.(teacher); ok {
			lesson := t.teach()
			f.Learned = &lesson
		}
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("part %s: %w", p.name, err)
	}
	return os.WriteFile(file, raw, 0o644)
}

func findPart(name string) (part, error) {
	for _, p := range parts() {
		if p.name == name {
			return p, nil
		}
	}
	return part{}, fmt.Errorf("there is no part %q", name)
}
