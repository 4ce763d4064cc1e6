package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// role makes this test program a part's process.
const role = "FRAMEPORT_TEST_PART"

func TestMain(m *testing.M) {
	if os.Getenv(role) != "" {
		if err := play(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// note is a result that says what its part was told.
type note struct {
	Simulated bool   `json:"simulated"`
	Path      string `json:"path"`
}

func (n note) print(w io.Writer) { fmt.Fprintf(w, "told %v %q", n.Simulated, n.Path) }

// lesson is a result that later parts need.
type lesson struct{ note }

func (lesson) teach() learned {
	return learned{Simulated: true, LibraryPath: "/somewhere", GPU: "card", Driver: "1.2"}
}

// play is what the parts of the tests do.
func play(ctx context.Context, args []string) error {
	var b bundle
	flags := flag.NewFlagSet("part", flag.ContinueOnError)
	b.flags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	name, file := flags.Arg(0), flags.Arg(1)
	p := part{name: name, limit: time.Minute, run: func(context.Context, bundle) (result, error) {
		said := note{b.simulated, b.libraryPath}
		switch name {
		case "first":
			return lesson{said}, nil
		case "half":
			return said, errors.New("the rest did not work")
		case "crash":
			fmt.Fprintln(os.Stderr, "last words")
			os.Exit(139)
		case "hang":
			_, _ = exec.Command("sleep", "1000").CombinedOutput()
		}
		return said, nil
	}}
	return runPart(ctx, p, b, file)
}

// TestRun: a part that fails, crashes or hangs is reported and the rest still runs;
// what the first learns reaches the others; the files have the shape that they have.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	parts := []part{
		{name: "first", about: "a", limit: time.Minute},
		{name: "half", about: "b", limit: time.Minute},
		{name: "crash", about: "c", limit: time.Minute},
		{name: "hang", about: "d", limit: time.Nanosecond},
		{name: "last/one", about: "e", limit: time.Minute},
	}
	r := runner{
		bundle: bundle{dir: dir}, dir: dir, parts: parts, total: time.Hour, log: io.Discard,
		command: func(ctx context.Context, b bundle, p part, file string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, os.Args[0], append(b.arguments(), p.name, file)...)
			cmd.Env = append(os.Environ(), role+"=1")
			return cmd
		},
	}
	rep := r.run(t.Context())
	if err := rep.write(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "gpu-check.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema    int
		Simulated *bool
		Complete  *bool
		GPU       string
		Driver    string
		Started   time.Time
		Seconds   float64
		Host      struct{ Processors int }
		Parts     []struct {
			Name, About, State, Error string
			Seconds                   float64
			Result                    *note
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != 1 || got.Simulated == nil || !*got.Simulated || got.Complete == nil || *got.Complete ||
		got.GPU != "card" || got.Driver != "1.2" || got.Started.IsZero() || got.Seconds <= 0 || got.Host.Processors < 1 {
		t.Errorf("%s", raw)
	}
	wants := []struct {
		state, said string
		result      *note
	}{
		{stateOK, "", &note{}},
		{stateFailed, "the rest did not work", &note{true, "/somewhere"}},
		{stateFailed, "last words", nil},
		{stateTimeout, "killed", nil},
		{stateOK, "", &note{true, "/somewhere"}},
	}
	if len(got.Parts) != len(wants) {
		t.Fatalf("%d parts are reported, want %d", len(got.Parts), len(wants))
	}
	for i, want := range wants {
		p := got.Parts[i]
		if p.Name != parts[i].name || p.About != parts[i].about || p.State != want.state || !strings.Contains(p.Error, want.said) {
			t.Errorf("%+v, want %+v", p, want)
		}
		if (p.Result == nil) != (want.result == nil) || p.Result != nil && *p.Result != *want.result {
			t.Errorf("%s: result %v, want %v", p.Name, p.Result, want.result)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "gpu-check.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"SIMULATED", "card", `told true "/somewhere"`, "last words", "the rest did not work"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
}

// TestNoTime: parts for which no time is left are in the report.
func TestNoTime(t *testing.T) {
	r := runner{dir: t.TempDir(), parts: []part{{name: "late", limit: time.Minute}}, total: time.Second, log: io.Discard}
	rep := r.run(t.Context())
	if len(rep.Parts) != 1 || rep.Parts[0].State != stateNotRun || rep.Complete {
		t.Errorf("%+v", rep)
	}
}

// TestParts: names are unique, and all have a limit and something to do.
func TestParts(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range parts() {
		if seen[p.name] || p.about == "" || p.limit < 2*reserve || p.run == nil {
			t.Errorf("%+v", p)
		}
		seen[p.name] = true
	}
	if _, err := findPart("no such"); err == nil {
		t.Error("a part that there is not was found")
	}
}
