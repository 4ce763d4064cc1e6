package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// answers are how long calls took, in milliseconds.
type answers struct {
	mu             sync.Mutex
	frames, status []float64
	empty          int // cameras that had no frame yet, and said so
	failed         int
	first          error
}

// overload doubles the cameras, n of which can be decoded, for the window, and takes every
// second one away then.
func (c *crowd) overload(ctx context.Context, l *lab, n int) error {
	if err := c.resize(ctx, n); err != nil {
		return err
	}
	before, err := readMemory(c.pid())
	if err != nil {
		return err
	}
	// First without decoding: a worker under overload admits no camera that is to be decoded.
	for i := n; i < 2*n; i++ {
		if err := c.addOne(ctx, i, frameportv1.DecodeMode_DECODE_MODE_NONE); err != nil {
			return err
		}
	}
	c.added = 2 * n
	for i := n; i < 2*n; i++ {
		_, err := c.cameras.UpdateCamera(ctx, &frameportv1.UpdateCameraRequest{CameraId: nameOf(i), Spec: specOf(c.farm.urls[i], frameportv1.DecodeMode_DECODE_MODE_ALL)})
		if err != nil {
			return err
		}
	}
	window := max(l.window, 3*overloadLast)
	bounded, cancel := context.WithTimeout(ctx, window)
	defer cancel()
	var asked answers
	var clients errgroup.Group
	for range 2 {
		clients.Go(func() error { return c.ask(bounded, &asked) })
		clients.Go(func() error { return c.readSmall(bounded) })
	}
	most := before.rss
	var early, late []seenCamera
	changes := 0 // cameras that were whole and then not, or the other way round, in the end
	states := map[int]frameportv1.CameraState{}
	for begin := time.Now(); pause(bounded, time.Second) == nil; {
		m, err := readMemory(c.pid())
		if err != nil {
			return err
		}
		most = max(most, m.rss)
		now, err := c.list(ctx)
		if err != nil {
			return err
		}
		late = now
		if time.Since(begin) < window-overloadLast {
			continue
		}
		if early == nil {
			early = now
		}
		for _, s := range now {
			if was, ok := states[s.number]; ok && was != s.state {
				changes++
			}
			states[s.number] = s.state
		}
	}
	if err := clients.Wait(); err != nil {
		return err
	}
	if early == nil {
		return fmt.Errorf("overload: no status within %v", overloadLast)
	}
	l.reportOverload(n, early, late, changes)
	l.reportAnswers(&asked)
	l.report(row{
		Name: "twice the cameras, memory of the worker at most", Value: most / 1e6, Unit: "MB RSS", Limit: before.rss/1e6 + float64(n)*targetMemory,
		Detail: fmt.Sprintf("%s MB before, and %d MB for each camera more", number(before.rss/1e6), targetMemory),
	})
	return c.relief(ctx, l, n)
}

// reportOverload says who was decoded at the end of the overload.
func (l *lab) reportOverload(n int, early, late []seenCamera, changes int) {
	whole, shed, unfair, silent := 0, 0, 0, 0
	lost := make([]float64, len(late))
	for i, s := range late {
		lost[i] = s.lost(early[i])
		switch {
		case !s.running() && s.fault == frameportv1.FaultClass_FAULT_CLASS_LIMIT:
			shed++
			if slices.ContainsFunc(late[i:], seenCamera.running) {
				unfair++
			}
		case s.running() && lost[i] > 0.05: // it loses pictures and seems well
			silent++
		}
	}
	for whole < len(lost) && lost[whole] <= decodableLost {
		whole++
	}
	eldest := int(overloadWhole * float64(n))
	hurt := 0
	for _, part := range lost[:eldest] {
		if part > decodableLost {
			hurt++
		}
	}
	l.report(row{
		Name: "twice the cameras, of the eldest, hurt", Value: float64(hurt), Unit: "cameras", Exact: true,
		Detail: fmt.Sprintf("of %d that must be whole; in the last %v the eldest %d of %d cameras lost 1 %% or less, %d were DEGRADED with LIMIT; lost by the eldest %d, mean %s %%, by the others %s %%",
			eldest, overloadLast, whole, len(late), shed, n, number(100*mean(lost[:n])), number(100*mean(lost[n:]))),
	})
	l.report(row{Name: "twice the cameras, gave way although a younger one did not", Value: float64(unfair), Unit: "cameras", Exact: true})
	l.report(row{Name: "twice the cameras, losing more than 5 % and RUNNING", Value: float64(silent), Unit: "cameras", Exact: true})
	l.report(row{Name: "twice the cameras, changes of state", Value: float64(changes), Unit: "changes", Detail: fmt.Sprintf("in the last %v", overloadLast)})
}

func (l *lab) reportAnswers(a *answers) {
	l.report(row{Name: "twice the cameras, GetFrame, p99", Value: quantile(a.frames, 0.99), Unit: "ms", Limit: targetAnswer, Detail: spread(a.frames)})
	l.report(row{Name: "twice the cameras, GetCamera, p99", Value: quantile(a.status, 0.99), Unit: "ms", Limit: targetAnswer, Detail: spread(a.status)})
	detail := fmt.Sprintf("%d more found a camera without a frame", a.empty)
	if a.first != nil {
		detail += "; the first: " + a.first.Error()
	}
	l.report(row{Name: "twice the cameras, calls that failed", Value: float64(a.failed), Unit: "calls", Exact: true, Detail: detail})
}

// relief takes every second camera away and waits until all others are as they should be,
// and stay so.
func (c *crowd) relief(ctx context.Context, l *lab, n int) error {
	var all errgroup.Group
	all.SetLimit(8)
	for i := 0; i < 2*n; i += 2 {
		all.Go(func() error {
			_, err := c.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: nameOf(i)})
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	c.added = n
	begin := time.Now()
	err := c.wait(ctx, seenCamera.well)
	took := time.Since(begin).Seconds()
	detail := "every second camera was removed; the others RUNNING without a fault, newest frame younger than 250 ms"
	if err != nil {
		detail = err.Error()
	}
	l.report(row{Name: "after the overload, all well", Value: took, Unit: "s", Limit: targetRecovery, Detail: detail})
	before, err := c.list(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, 10*time.Second); err != nil {
		return err
	}
	after, err := c.list(ctx)
	if err != nil {
		return err
	}
	var lost []float64
	for i := range after {
		lost = append(lost, 100*after[i].lost(before[i]))
	}
	ill := slices.DeleteFunc(slices.Clone(after), seenCamera.well)
	l.report(row{
		Name: "after the overload, dropped", Value: mean(lost), Unit: "%", Limit: 100 * decodableLost,
		Detail: fmt.Sprintf("in the 10 s after, worst camera %s %%; %d of %d not well at their end", number(quantile(lost, 1)), len(ill), len(after)),
	})
	return nil
}

// ask calls the worker until ctx is done.
func (c *crowd) ask(ctx context.Context, a *answers) error {
	for pause(ctx, 50*time.Millisecond) == nil {
		id := nameOf(rand.IntN(c.added))
		_, frame, err := c.timed(ctx, id)
		if ended(ctx, err) {
			return nil
		}
		a.note(&a.frames, frame, err)
		begin := time.Now()
		_, err = c.status(ctx, id)
		if ended(ctx, err) {
			return nil
		}
		a.note(&a.status, time.Since(begin).Seconds()*1000, err)
	}
	return nil
}

func (a *answers) note(list *[]float64, ms float64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if status.Code(err) == codes.Unavailable && strings.Contains(err.Error(), "has no frame yet") {
		a.empty++
		return
	}
	if err != nil {
		a.failed++
		if a.first == nil {
			a.first = err
		}
		return
	}
	*list = append(*list, ms)
}

// readSmall reads small pictures of all cameras, one a second of each, until ctx is done.
func (c *crowd) readSmall(ctx context.Context) error {
	stream, err := c.frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{MaxFps: 1, Output: &frameportv1.OutputSpec{Width: 160}})
	for err == nil {
		_, err = stream.Recv()
	}
	if ended(ctx, err) {
		return nil
	}
	return err
}
