package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/nvjpeg"
)

// rateResult is how many pictures a second are encoded, by encoder states.
type rateResult struct {
	Rows []rateRow `json:"rows"`
}

type rateRow struct {
	Clip     string  `json:"clip"`
	States   int     `json:"states"`
	InFlight int     `json:"in_flight"` // callers at a time
	Rate     float64 `json:"pictures_per_second"`
	Times    times   `json:"times"`      // of converting and encoding, waiting included
	Bytes    int64   `json:"jpeg_bytes"` // device memory of handle and states
}

func measureRate(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (*rateResult, error) {
		r := &rateResult{}
		for _, name := range []string{"720p.h264", "1080p.h264"} {
			clip, err := loadClip(b, name)
			if err != nil {
				return r, err
			}
			err = l.picture(ctx, clip, func(f *frame.Frame) error {
				for states := 1; states <= nvjpeg.MaxStates; states++ {
					for _, flight := range slices.Compact([]int{states, 4}) {
						row := rateRow{Clip: name, States: states, InFlight: flight}
						if err := row.measure(ctx, l, f); err != nil {
							return err
						}
						r.Rows = append(r.Rows, row)
					}
				}
				return nil
			})
			if err != nil {
				return r, fmt.Errorf("%s: %w", name, err)
			}
		}
		return r, nil
	})
}

func (row *rateRow) measure(ctx context.Context, l *lab, f *frame.Frame) (err error) {
	c, err := gpuconv.New(gpuconv.Config{Device: l.device, Kernels: l.kernels, Lanes: row.InFlight})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	e, err := nvjpeg.New(ctx, nvjpeg.Config{Device: l.device, Library: l.bundle.library(), States: row.States, Width: f.Width, Height: f.Height})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	row.Bytes = l.device.Ledger().Snapshot().ByPurpose[gpu.PurposeJPEG].Bytes
	took := make([][]time.Duration, row.InFlight)
	failed := make([]error, row.InFlight)
	start := time.Now()
	end := start.Add(l.bundle.bounds().interval)
	var group sync.WaitGroup
	for i := range row.InFlight {
		group.Go(func() {
			var data []byte
			for failed[i] == nil && time.Now().Before(end) {
				began := time.Now()
				data, failed[i] = encode(ctx, c, e, f, data[:0])
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	group.Wait()
	all := slices.Concat(took...)
	row.Rate, row.Times = float64(len(all))/time.Since(start).Seconds(), timesOf(all)
	return errors.Join(failed...)
}

// encode is what serving a picture is on the GPU.
func encode(ctx context.Context, c *gpuconv.Converter, e jpeg.Encoder, f *frame.Frame, data []byte) ([]byte, error) {
	planes, err := c.Convert(ctx, f, toJPEG())
	if err != nil {
		return data, err
	}
	defer planes.Release()
	return e.Encode(ctx, planes, jpeg.Options{Quality: 80}, data)
}

func (r *rateResult) print(w io.Writer) {
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%-11s %d states, %d in flight: %7.0f pictures/s, %v; %s\n", row.Clip, row.States, row.InFlight, row.Rate, row.Times, mebi(row.Bytes))
	}
}
