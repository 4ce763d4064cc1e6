package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/telemetry"
)

// serveCmd are the flags of the worker. A flag that was given wins over the
// configuration file, which wins over the default.
type serveCmd struct {
	GRPCAddress    []string           `name:"grpc-address" env:"FRAMEPORT_GRPC_ADDRESS" help:"Where to serve gRPC: HOST:PORT, unix:/PATH, or several with commas between. Default: 127.0.0.1:50051." placeholder:"ADDRESS"`
	GRPCSocketMode *config.SocketMode `name:"grpc-socket-mode" env:"FRAMEPORT_GRPC_SOCKET_MODE" help:"Who may connect to unix sockets: 0600 the worker's user, 0660 its group, 0666 everyone on this machine, with tokens. Default: 0600." placeholder:"MODE"`
	HTTPAddress    *string            `name:"http-address" env:"FRAMEPORT_HTTP_ADDRESS" help:"Where to serve HTTP; \"off\" for not at all. Default: 127.0.0.1:8080."`
	StateDir       *string            `name:"state-dir" env:"FRAMEPORT_STATE_DIR,STATE_DIRECTORY" help:"Folder for the cameras that were added over the API; empty = they are forgotten at exit. Default: $XDG_STATE_HOME/frameport or ~/.local/state/frameport." placeholder:"DIR"`
	Config         string             `env:"FRAMEPORT_CONFIG" help:"YAML file with settings and cameras." placeholder:"FILE"`
	Backend        *string            `env:"FRAMEPORT_BACKEND" enum:"auto,cuda,cpu" help:"What decodes: auto, cuda or cpu. Default: auto."`
	LogFormat      *string            `env:"FRAMEPORT_LOG_FORMAT" enum:"text,json" help:"text or json. Default: text on a terminal, else json."`
	LogLevel       *string            `env:"FRAMEPORT_LOG_LEVEL" enum:"debug,info,warn,error" help:"debug, info, warn or error. Default: info."`
	accessFlags
	gpuFlags
	shmFlags
	inferenceFlags
	isolationFlags
	addressFlags
	limitFlags
	secretFlags
	MaxCameras *int `name:"max-cameras" env:"FRAMEPORT_MAX_CAMERAS" help:"How many cameras the worker takes, 1 to 65536. Default, also for 0: 4096."`
}

// Run serves until it is interrupted.
func (c *serveCmd) Run(ctx context.Context, io streams) error {
	settings, declared, notes, err := c.settings(os.Environ())
	if err != nil {
		return err
	}
	log, err := newLogger(io.err, settings)
	if err != nil {
		return err
	}
	for _, note := range notes {
		log.Warn("camera in environment", "note", note)
	}
	if !settings.CoreDumps {
		hideMemory(log)
	}
	return runWorker(ctx, workerConfig{settings: settings, declared: declared, log: log})
}

// settings lays flags over the file over the defaults, and collects the cameras
// that are declared in the file and in the environment, with notes about the latter.
func (c *serveCmd) settings(environ []string) (w config.Worker, declared []config.Declared, notes []string, err error) {
	file := &config.File{}
	if c.Config != "" {
		if file, err = config.ReadFile(c.Config); err != nil {
			return w, nil, nil, err
		}
	}
	w = file.Worker
	for _, v := range []struct{ flag, to *string }{
		{c.HTTPAddress, &w.HTTPAddress},
		{c.LogFormat, &w.LogFormat},
		{c.LogLevel, &w.LogLevel},
	} {
		if v.flag != nil {
			*v.to = *v.flag
		}
	}
	if c.GRPCAddress != nil {
		w.GRPCAddress = strings.Join(c.GRPCAddress, ",")
	}
	if c.GRPCSocketMode != nil {
		w.GRPCSocketMode = *c.GRPCSocketMode
	}
	switch {
	case c.StateDir != nil:
		w.StateDir = *c.StateDir
	case w.StateDir == "":
		w.StateDir = defaultStateDir()
	}
	if c.Backend != nil {
		if err := w.Backend.UnmarshalText([]byte(*c.Backend)); err != nil {
			return w, nil, nil, err
		}
	}
	if c.MaxCameras != nil {
		w.MaxCameras = *c.MaxCameras
	}
	c.gpuFlags.apply(&w.GPU)
	c.shmFlags.apply(&w.SharedMemory)
	c.inferenceFlags.apply(&w.InferenceServers)
	c.isolationFlags.apply(&w)
	c.addressFlags.apply(&w.CameraAddresses)
	c.accessFlags.apply(&w)
	c.limitFlags.apply(&w.Limits)
	c.secretFlags.apply(&w)
	if w.LogFormat == "" && !telemetry.IsTerminal(os.Stderr) {
		w.LogFormat = "json"
	}
	w.EnsureDefaults()
	if err := w.Validate(); err != nil {
		return w, nil, nil, err
	}
	fromEnviron, notes, err := config.FromEnviron(environ)
	if err != nil {
		return w, nil, notes, err
	}
	declared, err = config.MergeDeclared(file.Cameras, fromEnviron)
	return w, declared, notes, err
}

// defaultStateDir follows the XDG base directory specification. Without a home
// there is no place that would survive, so nothing is kept.
func defaultStateDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "frameport")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "frameport")
}
