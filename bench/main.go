package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the flags of a run.
type options struct {
	binary  string
	only    string
	seconds float64
	repeat  int
	// contenders restricts per_camera to some of them.
	contenders string
	perf       string
	output     string
	journal    string
	cameras    int
	decoded    int
	cycles     int
	strict     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run executes one command line: a measurement, or one of its children.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "cameras":
			return runCameras(ctx, args[1:])
		case "decode":
			return runDecode(ctx, args[1:])
		}
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.binary, "binary", "build/frameport", "the worker to measure")
	flags.StringVar(&o.only, "only", "", "comma-separated names of the scenarios to run: "+strings.Join(scenarioNames(), ", "))
	flags.Float64Var(&o.seconds, "seconds", 15, "length of one measurement")
	flags.IntVar(&o.repeat, "repeat", 3, "how often contenders take turns")
	flags.StringVar(&o.contenders, "contenders", "", "comma-separated contenders of per_camera: frameport, ffmpeg, ffmpeg_1thread, opencv, opencv_grab, decode_only")
	flags.StringVar(&o.perf, "perf", "", "write perf profiles of the worker under load to files that begin with this name")
	flags.StringVar(&o.output, "o", "", "write table and JSON lines to this file as well")
	flags.StringVar(&o.journal, "append", "", "append the JSON lines to this file")
	flags.IntVar(&o.cameras, "cameras", 0, "how many cameras held, killed and soak have at protocol level, 0 = 1000, 200, 50; keyframes and herd, 0 = 1000; and how many can be decoded for overload, 0 = as many as it finds")
	flags.IntVar(&o.decoded, "decoded", 10, "how many cameras of soak are decoded and read")
	flags.IntVar(&o.cycles, "cycles", 0, "how often growth does each thing, 0 = 1000 cameras, 1000 sizes, 10000 readers, 100 reconnects of each kind")
	flags.BoolVar(&o.strict, "strict", false, "end with an error that lists them when targets are missed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.seconds < 1 || o.seconds > 4*3600:
		return fmt.Errorf("-seconds %v is not between 1 and 14400", o.seconds)
	case o.cameras < 0 || o.cameras > 2000:
		return fmt.Errorf("-cameras %d is not between 0 and 2000", o.cameras)
	case o.decoded < 1 || o.decoded > 200:
		return fmt.Errorf("-decoded %d is not between 1 and 200", o.decoded)
	case o.cycles < 0 || o.cycles > 1_000_000:
		return fmt.Errorf("-cycles %d is not between 0 and 1000000", o.cycles)
	case o.repeat < 1 || o.repeat > 20:
		return fmt.Errorf("-repeat %d is not between 1 and 20", o.repeat)
	}
	chosen, err := chooseScenarios(o.only)
	if err != nil {
		return err
	}
	return measure(ctx, o, chosen)
}

// measure runs the scenarios one after another and prints what came out, also
// when one of them failed.
func measure(ctx context.Context, o options, chosen []scenario) error {
	l, err := newLab(o)
	if err != nil {
		return err
	}
	defer l.close()
	var failed []error
	for _, s := range chosen {
		l.say("%s: %s", s.name, s.what)
		bounded, cancel := context.WithTimeout(ctx, 15*time.Minute+l.window)
		err := s.run(bounded, l)
		cancel()
		if ctx.Err() != nil {
			failed = append(failed, errors.New("interrupted"))
			break
		}
		if err != nil {
			l.say("%s: %v", s.name, err)
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	if err := l.results.print(os.Stdout); err != nil {
		return err
	}
	if o.output != "" {
		var text strings.Builder
		_ = l.results.print(&text) // a builder takes everything
		if err := os.WriteFile(o.output, []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	if o.journal != "" {
		failed = append(failed, l.results.journal(o.journal))
	}
	if o.strict {
		failed = append(failed, l.results.missed())
	}
	return errors.Join(failed...)
}

// untilClosed returns when r ends, which is how a child learns that the program
// that started it is gone, or when ctx is done.
func untilClosed(ctx context.Context, r io.Reader) {
	gone := make(chan struct{})
	go func() { // ends with the process at the latest
		_, _ = io.Copy(io.Discard, r) // how it ended makes no difference
		close(gone)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
	}
}
