package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "gpucheck:", err)
		os.Exit(1)
	}
}

// run executes one command line: the whole check, or one of its children.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("use: gpucheck run [-bundle DIR] OUTDIR")
	}
	var b bundle
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	b.flags(flags)
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch rest := flags.Args(); {
	case args[0] == "run" && len(rest) == 1:
		return runAll(ctx, b, rest[0])
	case args[0] == "part" && len(rest) == 2:
		p, err := findPart(rest[0])
		if err != nil {
			return err
		}
		return runPart(ctx, p, b, rest[1])
	case args[0] == "manifest" && len(rest) == 1:
		return writeManifest(b, rest[0])
	case args[0] == openIPC && len(rest) == 2:
		return openHandle(b, rest[0], rest[1])
	case args[0] == readBatches && len(rest) == 3:
		return runReader(ctx, b, rest[0], rest[1], rest[2])
	}
	return fmt.Errorf("%q is not understood; use: gpucheck run [-bundle DIR] OUTDIR", args)
}
