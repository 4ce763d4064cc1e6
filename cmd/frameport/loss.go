package main

import (
	"context"
	"log/slog"
	"os"
	"time"
)

// exitDeviceLost is the exit status when a GPU's context broke or its driver hangs:
// nothing helps but a new process, which whatever supervises this one should start.
const exitDeviceLost = 3

const (
	// lossGrace is how long clients may take to be told, and the log to be written, before
	// the process ends.
	lossGrace = time.Second
	// shutdownLimit is how long taking everything apart may take. Beyond it a call
	// into a driver or a codec hangs, and nothing but the end of the process ends that.
	shutdownLimit = 45 * time.Second
)

// abort ends the process now. What a broken driver holds can't be given back to it, and
// trying may hang.
func abort(code int) { os.Exit(code) }

// watchBackend returns when watch does: when ctx ends, or when a GPU is lost. Then abort
// is called a moment later, whatever hangs meanwhile.
func watchBackend(ctx context.Context, watch func(context.Context) error, log *slog.Logger, abort func(int)) error {
	err := watch(ctx)
	if err != nil {
		// First of all, since whoever reads the log may hang too.
		time.AfterFunc(lossGrace, func() { abort(exitDeviceLost) })
		log.Error("a GPU is lost: frameport ends and has to be started again", "error", err, "exit_status", exitDeviceLost)
	}
	return err
}

// limitShutdown calls abort when the function it returns has not been called in time
// after the end of ctx.
func limitShutdown(ctx context.Context, log *slog.Logger, abort func(int)) (done func()) {
	var timer *time.Timer
	started := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(started)
		timer = time.AfterFunc(shutdownLimit, func() {
			unread := time.AfterFunc(lossGrace, func() { abort(1) })
			log.Error("the worker did not end in time: a call into a driver or a codec hangs", "limit", shutdownLimit)
			if unread.Stop() {
				abort(1)
			}
		})
	})
	return func() {
		if stop() {
			return
		}
		<-started
		timer.Stop()
	}
}
