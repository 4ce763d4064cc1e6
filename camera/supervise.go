package camera

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
)

// retrier says when to try again; *retry.Policy of package rtsp is one. It belongs
// to the supervisor.
type retrier interface {
	// Failed notes the end of an attempt and returns how long to wait.
	Failed(err error, ranFor time.Duration) time.Duration
	// Succeeded notes that the attempt delivered.
	Succeeded()
}

// minWait keeps a camera that fails at once, whatever the policy says, from
// keeping a core busy.
const minWait = 10 * time.Millisecond

// run is the supervisor: it lives as long as the camera. When it returns nothing of
// the camera is left but what readers hold.
func (c *camera) run(ctx context.Context) {
	defer close(c.done)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.after != nil {
		<-c.after
	}
	if c.begin(cancel) {
		c.supervise(ctx)
	}
	c.finish(ErrStopping) // unless stop gave another reason
}

// begin registers how to end the camera; it returns false when that was asked for
// already.
func (c *camera) begin(cancel context.CancelCauseFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
	return c.stopped == nil
}

// stop makes run return; cause is what readers of the ring are told.
func (c *camera) stop(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped == nil {
		c.stopped = cause
	}
	if c.cancel != nil {
		c.cancel(cause)
	}
}

// never ends a camera that run was not called for and will not be.
func (c *camera) never(cause error) {
	defer close(c.done)
	c.finish(cause)
}

// finish frees everything, in the order of the flow.
func (c *camera) finish(cause error) {
	c.mu.Lock()
	if c.stopped == nil {
		c.stopped = cause
	}
	cause = c.stopped
	c.retireLocked()
	c.mu.Unlock()
	c.decoders.Wait()
	c.ring.Close(cause)
	c.mu.Lock()
	release := c.release
	c.release = func() {}
	c.mu.Unlock()
	release()
	c.health.stopped(cause.Error())
}

// supervise makes one attempt after another until ctx ends.
func (c *camera) supervise(ctx context.Context) {
	policy := c.tools.newRetry()
	used := -1 // number of the connection that policy has learned about
	for ctx.Err() == nil {
		select {
		case <-c.wake: // of a change that this attempt will see anyway
		default:
		}
		spec, changes, invalid := c.specification()
		if changes != used {
			if used >= 0 {
				policy = c.tools.newRetry()
				c.health.connecting(errRespecified.Error())
			}
			used = changes
		}
		started := failpoint.Now()
		c.health.attempting()
		delivered, err := c.try(ctx, spec, changes, invalid)
		if ctx.Err() != nil {
			return
		}
		if _, now, _ := c.specification(); now != used {
			continue
		}
		if delivered {
			policy.Succeeded()
		}
		wait := max(policy.Failed(err, time.Since(started)), minWait)
		if e, ok := errors.AsType[*fault.Error](err); !ok || !e.Immediate || wait > minWait {
			c.health.failed(err, failpoint.Now().Add(wait))
		}
		c.pause(ctx, wait)
	}
}

// pause waits for the next attempt's time, or for a specification that makes it due.
func (c *camera) pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.wake:
	case <-ctx.Done():
	}
}

// try makes one attempt. delivered is true when an access unit came. The error is
// never nil.
func (c *camera) try(ctx context.Context, spec config.Camera, changes int, invalid error) (delivered bool, err error) {
	if invalid != nil {
		return false, fault.New(fault.Policy, "specification", fmt.Errorf("%w; update the camera", invalid))
	}
	attempt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	source, err := c.connect(spec, changes, cancel)
	if err != nil {
		return false, err
	}
	defer c.disconnect()
	c.totals.attempts.Add(1)
	c.refusal.Store(nil)
	c.intake.attempt()
	defer c.watchStarvation(source)()
	defer func() {
		delivered = c.intake.units > 0
		if r := recover(); r != nil {
			c.log.Error("source panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fault.New(fault.Protocol, "run", errors.New("the connection's code panicked: see the log, and report it"))
		}
	}()
	err = source.Run(attempt, func(au *media.AccessUnit) error { return c.intake.take(ctx, au) })
	if err == nil {
		err = fault.New(fault.Unreachable, "run", errors.New("the camera ended the stream"))
	}
	return false, err // delivered is set above
}

// connect returns the source for spec, a new one when the connection's part of the
// specification has changed, and registers how to end the attempt.
func (c *camera) connect(spec config.Camera, changes int, cancel context.CancelCauseFunc) (Source, error) {
	c.mu.Lock()
	source := c.source
	if c.sourceOf != changes {
		source = nil
	}
	c.mu.Unlock()
	if source == nil {
		var err error
		if source, err = c.tools.newSource(spec, c.log); err != nil {
			if fault.ClassOf(err) == fault.None {
				err = fault.New(fault.Policy, "specification", err)
			}
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.source != source {
		if c.source != nil {
			c.earlier = c.earlier.plus(totalsOf(c.source.Stats()))
		}
		c.source, c.sourceOf = source, changes
	}
	c.attempt = cancel
	if c.changes != changes { // while we were here
		cancel(errRespecified)
	}
	return source, nil
}

// disconnect notes the end of an attempt and lets the pipeline show what it holds.
func (c *camera) disconnect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempt = nil
	if p := c.pipe.Load(); p != nil {
		p.queue.flush()
	}
}
