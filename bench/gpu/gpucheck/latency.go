package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu/surface"
)

// latencyResult is the time from an access unit to its pixels. Ends of pictures are
// always marked; at once says whether pictures are also shown when they are decoded,
// as for streams that promise that they have no B pictures.
type latencyResult struct {
	Pace float64      `json:"pace_ms"` // between access units
	Rows []latencyRow `json:"rows"`
}

type latencyRow struct {
	Clip   string `json:"clip"`
	AtOnce bool   `json:"at_once"`
	Times  times  `json:"times"`
	// Held is how many later access units went in before a frame came, at most.
	Held int `json:"held_back_pictures"`
}

func measureLatency(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (*latencyResult, error) {
		r := &latencyResult{Pace: milliseconds(b.bounds().pace)}
		for _, name := range b.bounds().delayClips {
			for _, atOnce := range []bool{true, false} {
				row := latencyRow{Clip: name, AtOnce: atOnce}
				if err := row.measure(ctx, l); err != nil {
					return r, fmt.Errorf("%s: %w", name, err)
				}
				r.Rows = append(r.Rows, row)
			}
		}
		return r, nil
	})
}

func (row *latencyRow) measure(ctx context.Context, l *lab) (err error) {
	clip, err := loadClip(l.bundle, row.Clip)
	if err != nil {
		return err
	}
	c, err := l.camera("latency", clip, func(cfg *decoder.Config, _ *nvdec.Options) { cfg.Format.NoReorder = row.AtOnce })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.play(ctx, 5); err != nil {
		return err
	}
	sent := make(map[time.Duration]time.Time)
	var took []time.Duration
	tick := time.NewTicker(l.bundle.bounds().pace)
	defer tick.Stop()
	for range l.bundle.bounds().pictures {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		n := c.next
		sent[time.Duration(n)*interval] = time.Now()
		err := c.step(ctx, func(f *frame.Frame) error {
			slot, ok := surface.Of(f)
			if !ok {
				return errors.New("a frame is not in device memory")
			}
			if err := slot.Synchronize(); err != nil {
				return err
			}
			at, ok := sent[f.Times.PTS]
			if ok { // and not from before the clock ran
				took = append(took, time.Since(at))
				row.Held = max(row.Held, n-int(f.Times.PTS/interval))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	row.Times = timesOf(took)
	return nil
}

func (r *latencyResult) print(w io.Writer) {
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%-11s at once %-5v: %v; %d pictures held back\n", row.Clip, row.AtOnce, row.Times, row.Held)
	}
}
