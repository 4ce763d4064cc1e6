package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/config"
)

// patience bounds every wait. Nothing passes because it took long.
const patience = time.Minute

// output is written by one goroutine and read by another.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// worker is a worker in this process.
type worker struct {
	grpc, http string
	cancel     context.CancelFunc
	done       chan error
}

// startWorker runs a worker until its stop, at the latest at the end of the test.
func startWorker(t *testing.T, declared ...config.Declared) *worker {
	t.Helper()
	settings := config.Worker{GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", StateDir: t.TempDir(), Backend: config.BackendCPU, CameraAddresses: config.CameraAddresses{Loopback: true}}
	settings.EnsureDefaults()
	settings.Limits.NoRationing = true // a busy machine is no overload
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready := make(chan struct{})
	w := &worker{cancel: cancel, done: make(chan error, 1)}
	log := &output{}
	go func() {
		w.done <- runWorker(ctx, workerConfig{
			settings: settings,
			declared: declared,
			log:      slog.New(slog.NewTextHandler(log, nil)),
			ready: func(grpc, http net.Addr) {
				w.grpc, w.http = grpc.String(), http.String()
				close(ready)
			},
		})
	}()
	t.Cleanup(func() {
		if err := w.stop(); err != nil {
			t.Errorf("the worker ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the worker wrote:\n%s", log)
		}
	})
	select {
	case <-ready:
	case err := <-w.done:
		w.done <- nil
		t.Fatal(err)
	}
	return w
}

// stop ends the worker. A second call does nothing.
func (w *worker) stop() error {
	w.cancel()
	err := <-w.done
	w.done <- nil
	return err
}

// command runs a command line against the worker.
func (w *worker) command(t *testing.T, args ...string) (out, errs string, status int) {
	t.Helper()
	return command(t, "", append(args, "--address="+w.grpc)...)
}

func command(t *testing.T, stdin string, args ...string) (out, errs string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var o, e output
	status = run(ctx, args, streams{strings.NewReader(stdin), &o, &e})
	return o.String(), e.String(), status
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// contains wants every part in text.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}
