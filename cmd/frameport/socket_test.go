package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/frameport/frameport/config"
)

// A worker on two addresses: commands reach it by either, and the log names both.
func TestWorkerOnASocket(t *testing.T) {
	socket := "unix:" + filepath.Join(t.TempDir(), "s.sock")
	c := serveCmd{GRPCAddress: []string{"127.0.0.1:0", socket}}
	c.GRPCSocketMode = new(config.SocketMode(0o660))
	c.HTTPAddress, c.StateDir, c.Backend = new("off"), new(""), new("cpu")
	settings, _, _, err := c.settings(nil)
	if err != nil {
		t.Fatal(err)
	}
	var log output
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- runWorker(ctx, workerConfig{
			settings: settings, log: slog.New(slog.NewTextHandler(&log, nil)),
			ready: func(grpc, _ net.Addr) { ready <- grpc },
		})
	}()
	var tcp string
	select {
	case at := <-ready:
		tcp = at.String()
	case err := <-ended:
		t.Fatal(err)
	}
	contains(t, log.String(), "grpc="+tcp+","+socket, "http=off")
	path := strings.TrimPrefix(socket, "unix:")
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("%v, %v", info, err)
	}
	if out, errs, status := command(t, "", "camera", "add", "door", "rtsp://192.0.2.1/", "--address", socket); status != 0 {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	for _, address := range []string{tcp, socket, "unix://" + path} {
		out, errs, status := command(t, "", "camera", "list", "--address", address)
		if status != 0 || !strings.Contains(out, "door") {
			t.Errorf("%s: status %d, %s%s", address, status, out, errs)
		}
	}
	_, errs, status := command(t, "", "serve", "--backend=cpu", "--http-address=off", "--state-dir=", "--grpc-address=127.0.0.1:0", "--grpc-address="+socket)
	if status != 1 {
		t.Errorf("a second worker: status %d", status)
	}
	contains(t, errs, "grpc: ", "another program listens on "+socket)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
	_, errs, status = command(t, "", "camera", "list", "--address", socket)
	if status != 1 {
		t.Errorf("after the end: status %d", status)
	}
	contains(t, errs, "no worker answers at "+socket)
}

// Flag, variable and both forms of several addresses.
func TestGRPCAddressForms(t *testing.T) {
	const want = "127.0.0.1:1,unix:/run/x.sock"
	for name, args := range map[string][]string{
		"commas":   {"--grpc-address", want},
		"repeated": {"--grpc-address=127.0.0.1:1", "--grpc-address=unix:/run/x.sock"},
		"variable": nil,
	} {
		t.Run(name, func(t *testing.T) {
			if args == nil {
				t.Setenv("FRAMEPORT_GRPC_ADDRESS", want)
				t.Setenv("FRAMEPORT_GRPC_SOCKET_MODE", "0660")
			} else {
				args = append(args, "--grpc-socket-mode=0660")
			}
			c := parseServe(t, args)
			settings, _, _, err := c.settings(nil)
			if err != nil || settings.GRPCAddress != want || settings.GRPCSocketMode.Perm() != 0o660 {
				t.Errorf("%q %o, %v", settings.GRPCAddress, settings.GRPCSocketMode, err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(file, []byte("worker: {grpc_address: '"+want+"', grpc_socket_mode: 0640}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parseServe(t, []string{"--config", file})
	if settings, _, _, err := c.settings(nil); err != nil || settings.GRPCAddress != want || settings.GRPCSocketMode.Perm() != 0o640 {
		t.Errorf("file: %q %o, %v", settings.GRPCAddress, settings.GRPCSocketMode, err)
	}
	if _, errs, status := command(t, "", "serve", "--grpc-socket-mode=rw"); status != 2 || !strings.Contains(errs, "write it in octal") {
		t.Errorf("status %d, %s", status, errs)
	}
}

// A socket that this user may not use is told from a worker that is not there.
func TestUnreachableSocket(t *testing.T) {
	refused := &unreachableError{"unix:/run/x.sock", &os.SyscallError{Syscall: "connect", Err: syscall.EACCES}}
	contains(t, refused.Error(), "may not connect to unix:/run/x.sock", "--grpc-socket-mode")
	gone := &unreachableError{"unix:/run/x.sock", &os.SyscallError{Syscall: "connect", Err: syscall.ENOENT}}
	contains(t, gone.Error(), "no worker answers at unix:/run/x.sock")
}

func parseServe(t *testing.T, args []string) serveCmd {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Vars{"version": version})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"serve"}, args...)); err != nil {
		t.Fatal(err)
	}
	return c.Serve
}
