package main

import (
	"context"
	"fmt"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// Targets for cameras of which nothing is decoded.
const (
	idleCameras    = 200
	targetIdleCPU  = 0.15 // core, all of them together
	targetIdleSize = 250  // kB each
)

func measureIdle(ctx context.Context, l *lab) error {
	load := camera10()
	f, err := l.startFarm(ctx, load, idleCameras, 0, false)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	empty, err := readMemory(w.pid())
	if err != nil {
		return err
	}
	begin := time.Now()
	ids, err := w.addAll(ctx, f.urls, frameportv1.DecodeMode_DECODE_MODE_NONE)
	if err != nil {
		return err
	}
	l.report(row{Name: "200 cameras added and running", Value: time.Since(begin).Seconds(), Unit: "s", Detail: "all on one host, decode mode NONE"})
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	units, err := w.units(ctx, ids)
	if err != nil {
		return err
	}
	profiled := l.profile(ctx, "idle200", w.pid())
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
	profiled()
	full, err := readMemory(w.pid())
	if err != nil {
		return err
	}
	after, err := w.units(ctx, ids)
	if err != nil {
		return err
	}
	rate := float64(after-units) / l.window.Seconds()
	if want := 0.97 * float64(idleCameras*load.fps); rate < want {
		return fmt.Errorf("%.0f access units a second, want at least %.0f", rate, want)
	}
	detail := fmt.Sprintf("%d cameras %v; sender %s core, rest of the machine %s", idleCameras, load, number(s.sender), number(s.others))
	l.report(row{Name: "200 idle cameras, CPU of the worker", Value: s.cores, Unit: "core", Limit: targetIdleCPU, Detail: detail})
	l.report(row{Name: "idle camera, memory", Value: (full.rss - empty.rss) / idleCameras / 1e3, Unit: "kB RSS", Limit: targetIdleSize, Detail: "above the empty worker"})
	l.report(row{Name: "idle camera, memory", Value: (full.pss - empty.pss) / idleCameras / 1e3, Unit: "kB PSS", Limit: targetIdleSize})
	return nil
}

// units is how many access units of all those cameras were received up to now.
func (w *worker) units(ctx context.Context, ids []string) (uint64, error) {
	var total uint64
	for _, id := range ids {
		st, err := w.status(ctx, id)
		if err != nil {
			return 0, err
		}
		total += st.GetCounters().GetAccessUnits()
	}
	return total, nil
}
