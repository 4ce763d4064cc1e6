package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	memoryLimit = 4 << 30          // address space of a child, in bytes
	busyLimit   = 2 * time.Second  // of processor time for one case
	stillLimit  = 60 * time.Second // for one case on a machine that has no time
)

// report is the last line.
type report struct {
	Name     string   `json:"name"`
	Cases    int      `json:"cases"`
	Seed     uint64   `json:"seed"`
	Codecs   []string `json:"codecs"`
	Frames   int      `json:"frames_decoded"`
	Pictures int      `json:"jpegs_made"`
	Refused  int      `json:"units_refused"`
	Crashes  int      `json:"crashes"`
	Hangs    int      `json:"hangs_over_2s"`
	Broken   int      `json:"rules_broken"`
	// Slowest is the most processor time that one case took, in steps of the kernel's
	// clock.
	Slowest float64   `json:"slowest_case_s"`
	Memory  float64   `json:"peak_memory_mb"` // resident, of the largest child
	Seconds float64   `json:"seconds"`
	Commit  string    `json:"commit"`
	CPUs    int       `json:"cores"`
	Go      string    `json:"go_version"`
	Time    time.Time `json:"time"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bitstreams:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var seed uint64
	var from, count, lanes, child int
	var journal string
	flags := flag.NewFlagSet("bitstreams", flag.ContinueOnError)
	flags.Uint64Var(&seed, "seed", 1, "of the generator")
	flags.IntVar(&from, "from", 0, "number of the first case")
	flags.IntVar(&count, "count", 10_000, "how many cases")
	flags.IntVar(&lanes, "parallel", runtime.NumCPU(), "how many child processes")
	flags.IntVar(&child, "child", -1, "be the child that begins with this case")
	flags.StringVar(&journal, "append", "", "append the JSON line to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case from < 0 || count < 1 || lanes < 1:
		return errors.New("-from, -count and -parallel must be 0, 1 and 1 at least")
	}
	lanes = min(lanes, count)
	if child >= 0 {
		return runChild(ctx, os.Stdout, seed, child, lanes, from+count)
	}
	p, err := newPlayer(ctx, seed)
	if err != nil {
		return err
	}
	all := &tried{report: report{
		Name: "mutated bitstreams", Seed: seed, Codecs: p.codecs(), CPUs: runtime.NumCPU(), Go: runtime.Version(),
		Time: time.Now().UTC().Truncate(time.Second), Commit: commit(),
	}}
	if err := p.close(); err != nil {
		return err
	}
	begin := time.Now()
	errs := make([]error, lanes)
	var running sync.WaitGroup
	for i := range lanes {
		running.Go(func() { errs[i] = all.lane(ctx, seed, from, i, lanes, count) })
	}
	running.Wait()
	all.report.Seconds = time.Since(begin).Seconds()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	line, err := json.Marshal(all.report)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	if journal != "" {
		f, err := os.OpenFile(journal, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, string(line))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	if n := all.report.Crashes + all.report.Hangs + all.report.Broken; n > 0 {
		return fmt.Errorf("%d of %d cases were not survived", n, all.report.Cases)
	}
	return nil
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=10").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
