package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/frameport/frameport/backend"
)

// version is set by the linker (see the Makefile).
var version = "dev"

// cli is the whole command line.
type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run the worker: connect to cameras and serve their frames."`
	Demo     demoCmd     `cmd:"" help:"Run the worker on four synthetic cameras and show a live table."`
	Camera   cameraCmd   `cmd:"" help:"Add, change, remove and look at cameras of a running worker."`
	Snapshot snapshotCmd `cmd:"" help:"Write the newest frame of a camera to a file."`
	Watch    watchCmd    `cmd:"" help:"Receive frames and show rate, age and what was skipped."`
	Token    tokenCmd    `cmd:"" help:"Make tokens for clients of a worker with an auth file."`
	Doctor   doctorCmd   `cmd:"" help:"Say what this machine can decode, and why not more."`
	Fakecam  fakecamCmd  `cmd:"" help:"Be a camera, also one with faults, to try what happens."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	if backend.IsDecoderProcess(os.Args) { // a child of the worker, not a command for people
		os.Exit(backend.DecoderProcess())
	}
	args := os.Args[1:]
	maskArguments(os.Args[1:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, args, streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run executes one command line and returns the exit status: 0 done, 1 failed,
// 2 wrong usage.
func run(ctx context.Context, args []string, io streams) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("frameport"),
		kong.Description("Frameport turns fleets of RTSP cameras into frames that programs can use. The guide is docs/guide in its repository, with Go, Python and HTTP."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { exited = code }),
		kong.Vars{"version": versionText()},
	)
	if err != nil {
		_, _ = fmt.Fprintln(io.err, "frameport:", err)
		return 2
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintln(io.err, "frameport:", maskText(misused(err)))
		return 2
	}
	command.BindTo(ctx, (*context.Context)(nil))
	command.Bind(io)
	if err := command.Run(); err != nil && !errors.Is(err, errInterrupted) {
		_, _ = fmt.Fprintln(io.err, "frameport:", maskText(explain(err)))
		return 1
	}
	return 0
}

// misused says what is wrong with a command line, and where help is.
func misused(err error) string {
	command, text := "frameport", err.Error()
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context.Selected() != nil {
		command += " " + p.Context.Selected().Path()
	}
	if command == "frameport camera update" && strings.HasPrefix(text, "unexpected argument") && strings.Contains(text, "://") {
		text += ": a new address is given with --url"
	}
	return fmt.Sprintf("%s\nRun \"%s --help\" for usage.", text, command)
}

// errInterrupted ends a command that runs until Ctrl-C without an error message.
var errInterrupted = errors.New("interrupted")
