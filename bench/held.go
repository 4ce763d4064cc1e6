package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// Targets of cameras at protocol level, sender on the same machine.
const (
	heldCameras   = 1000
	targetHeldUp  = 30  // s
	targetHeldRSS = 400 // MB
	targetHeldCPU = 1.2 // cores
	heldLimit     = 2 * time.Minute
)

// measureHeld keeps cameras of which nothing is decoded for the window. Then they fall
// silent, so that every picture that was sent can be looked for.
func measureHeld(ctx context.Context, l *lab) error {
	n := l.cameras
	if n == 0 {
		n = heldCameras
	}
	load := camera10()
	f, err := l.startFarm(ctx, load, n, 0, false)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	name := fmt.Sprintf("%d cameras held", n)
	begin := time.Now()
	if err := w.add(ctx, f.urls, frameportv1.DecodeMode_DECODE_MODE_NONE); err != nil {
		return err
	}
	added := time.Since(begin)
	if err := w.allRun(ctx, n, heldLimit); err != nil {
		return err
	}
	l.report(row{
		Name: name + ", all up after", Value: time.Since(begin).Seconds(), Unit: "s", Limit: targetHeldUp,
		Detail: fmt.Sprintf("added over the API within %s s, all on one host", number(added.Seconds())),
	})
	m := &meter{pids: []int{w.pid()}, sender: f.pid()}
	if err := m.begin(); err != nil {
		return err
	}
	if err := pause(ctx, l.window); err != nil {
		return err
	}
	s, err := m.end()
	if err != nil {
		return err
	}
	mem, err := readMemory(w.pid())
	if err != nil {
		return err
	}
	totals, err := f.silence(ctx)
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	var sent, refused int
	for _, c := range totals {
		sent, refused = sent+c.pictures, refused+c.lost
	}
	t, err := w.received(ctx, float64(sent))
	if err != nil {
		return err
	}
	missing, err := w.missing(ctx, totals)
	if err != nil {
		return err
	}
	l.report(row{
		Name: name + ", access units lost", Value: float64(sent) - t["frameport_access_units_total"], Unit: "units", Exact: true,
		Detail: fmt.Sprintf("of %d sent, %.0f a second since the first camera was added; %s; %.0f gaps in RTP, %d pictures that the sender could not send, %.0f reconnects",
			sent, float64(sent)/took, missing, t["frameport_rtp_packets_lost_total"], refused, t["frameport_reconnects_total"]),
	})
	l.report(row{
		Name: name + ", CPU of the worker", Value: s.cores, Unit: "core", Limit: targetHeldCPU,
		Detail: fmt.Sprintf("over %v; %v; sender %s core, rest of the machine %s", l.window, load, number(s.sender), number(s.others)),
	})
	l.report(row{Name: name + ", memory of the worker", Value: mem.rss / 1e6, Unit: "MB RSS", Limit: targetHeldRSS})
	return nil
}

// received waits until the worker has counted so many access units, for at most three
// seconds: later it would take the cameras' silence for a fault.
func (w *worker) received(ctx context.Context, units float64) (totals, error) {
	for begin := time.Now(); ; {
		t, err := w.totals(ctx)
		if err != nil || t["frameport_access_units_total"] >= units || time.Since(begin) > 3*time.Second {
			return t, err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// missing says which cameras' access units are not all there.
func (w *worker) missing(ctx context.Context, sent []sentTotal) (string, error) {
	var first string
	cameras := 0
	for i, c := range sent {
		st, err := w.status(ctx, fmt.Sprintf("cam-%d", i+1))
		if err != nil {
			return "", err
		}
		if got := st.GetCounters(); int(got.GetAccessUnits()) != c.pictures {
			if cameras++; cameras == 1 {
				first = fmt.Sprintf(", the first of which sent %d in %d packets; %d in %d packets were received", c.pictures, c.packets, got.GetAccessUnits(), got.GetPacketsReceived())
			}
		}
	}
	return fmt.Sprintf("%d cameras concerned%s", cameras, first), nil
}

// add adds a camera per URL, cam-1 and on, and waits for none.
func (w *worker) add(ctx context.Context, urls []string, mode frameportv1.DecodeMode) error {
	all, bounded := errgroup.WithContext(ctx)
	all.SetLimit(8)
	for i, url := range urls {
		all.Go(func() error {
			spec := specOf(url, mode)
			spec.Labels = map[string]string{"number": fmt.Sprint(i + 1)}
			spec.Decode.Linger = durationpb.New(time.Duration(i+1) * time.Second / 10)
			_, err := w.cameras.AddCamera(bounded, &frameportv1.AddCameraRequest{CameraId: fmt.Sprintf("cam-%d", i+1), Spec: spec})
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return fmt.Errorf("add camera: %w", err)
	}
	return nil
}

// state is the worker's snapshot of itself.
func (w *worker) state(ctx context.Context) (*frameportv1.Worker, error) {
	r, err := w.admin.GetWorker(ctx, &frameportv1.GetWorkerRequest{})
	return r.GetWorker(), err
}

// allRun waits until so many cameras run.
func (w *worker) allRun(ctx context.Context, n int, limit time.Duration) error {
	var last *frameportv1.Worker
	err := poll(ctx, limit, 50*time.Millisecond, "all cameras run", func() (bool, error) {
		now, err := w.state(ctx)
		last = now
		return int(now.GetCameras().GetRunning()) >= n, err
	})
	if err != nil {
		return fmt.Errorf("%w (%v)", err, last.GetCameras())
	}
	return nil
}
