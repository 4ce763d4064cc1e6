package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// throughputResult is how many frames a second are decoded in all.
type throughputResult struct {
	Rows []throughputRow `json:"rows"`
	// Refusals are what ended a row of sessions early: the card was full.
	Refusals []string `json:"refusals,omitempty"`
}

type throughputRow struct {
	Clip     string  `json:"clip"`
	Sessions int     `json:"sessions"`
	FPS      float64 `json:"fps"`
	Slowest  float64 `json:"slowest_session_fps"`
	Fastest  float64 `json:"fastest_session_fps"`
	Dropped  uint64  `json:"dropped"`
	// ProcessorPerFrame is processor time of this process, in microseconds.
	ProcessorPerFrame float64 `json:"cpu_us_per_frame"`
	// DecoderPercent is NVML's utilisation of the engines, the highest seen; -1 is
	// not known. It lags, so that short runs show less.
	DecoderPercent int     `json:"decoder_percent"`
	OpenSeconds    float64 `json:"open_s"` // to open the sessions that are new in this row
}

func measureThroughput(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (*throughputResult, error) {
		r := &throughputResult{}
		var errs []error
		for _, name := range b.bounds().rateClips {
			if err := r.measure(ctx, l, name); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
		return r, errors.Join(errs...)
	})
}

func (r *throughputResult) measure(ctx context.Context, l *lab, name string) (err error) {
	f, err := l.fleet(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	for _, n := range l.bundle.bounds().sessions {
		start := time.Now()
		err := f.grow(ctx, n)
		full := refusal(err)
		if err != nil && !full {
			return err
		}
		// As many as there are, when the card is full.
		if row := (throughputRow{Clip: name, Sessions: len(f.cameras), OpenSeconds: time.Since(start).Seconds()}); row.Sessions > 0 {
			if err := row.measure(ctx, l, f.cameras); err != nil {
				return err
			}
			r.Rows = append(r.Rows, row)
		}
		if full {
			r.Refusals = append(r.Refusals, name+": "+err.Error())
			return nil
		}
	}
	return nil
}

// measure decodes on all cameras at once, as fast as it goes.
func (row *throughputRow) measure(ctx context.Context, l *lab, cameras []*camera) error {
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	began := make([]int, len(cameras))
	failed := make([]error, len(cameras))
	var dropped uint64
	for i, c := range cameras {
		began[i] = c.frames
		dropped -= c.Dropped()
	}
	start, work := time.Now(), processor()
	var group sync.WaitGroup
	for i, c := range cameras {
		group.Go(func() {
			for stop.Err() == nil && failed[i] == nil {
				failed[i] = c.step(ctx, nil)
			}
		})
	}
	row.DecoderPercent = l.watch(ctx, l.bundle.bounds().interval)
	cancel()
	group.Wait()
	seconds := time.Since(start).Seconds()
	work = processor() - work
	frames := 0
	for i, c := range cameras {
		n := c.frames - began[i]
		rate := float64(n) / seconds
		if i == 0 || rate < row.Slowest {
			row.Slowest = rate
		}
		row.Fastest = max(row.Fastest, rate)
		frames += n
		dropped += c.Dropped()
	}
	row.FPS, row.Dropped = float64(frames)/seconds, dropped
	if frames > 0 {
		row.ProcessorPerFrame = float64(work.Microseconds()) / float64(frames)
	}
	return errors.Join(failed...)
}

// watch waits, and returns the highest utilisation of the engines meanwhile.
func (l *lab) watch(ctx context.Context, d time.Duration) int {
	highest := -1
	end := time.NewTimer(d)
	defer end.Stop()
	look := time.NewTicker(d / 5)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return highest
		case <-end.C:
			return highest
		case <-look.C:
			if l.counters == nil {
				continue
			}
			if s, err := l.counters.Sample(l.device.Info().UUID); err == nil && s.Decoder.Known {
				highest = max(highest, s.Decoder.Percent)
			}
		}
	}
}

func (r *throughputResult) print(w io.Writer) {
	for _, t := range r.Rows {
		fmt.Fprintf(w, "%-11s %3d sessions: %8.0f fps, a session %.1f to %.1f; %d dropped; %.0f us of processor time a frame; engines at %d %%; opened in %.2f s\n",
			t.Clip, t.Sessions, t.FPS, t.Slowest, t.Fastest, t.Dropped, t.ProcessorPerFrame, t.DecoderPercent, t.OpenSeconds)
	}
	printRefusals(w, r.Refusals)
}
