package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

// reconfigureResult is what a stream that changes its size costs.
type reconfigureResult struct {
	Usual times       `json:"usual_picture"` // key pictures without a change
	Rows  []changeRow `json:"changes"`
}

type changeRow struct {
	To           string  `json:"to"`
	Milliseconds float64 `json:"ms"` // of the access unit with the change
	// Decoder is what it takes afterwards: the same when the session was kept.
	Decoder int64 `json:"decoder_bytes"`
	Ring    int64 `json:"ring_bytes"`
	Width   int   `json:"width"`
	Height  int   `json:"height"`
}

// measureReconfigure plays 1080p and 720p in turns on one decoder.
func measureReconfigure(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (r *reconfigureResult, err error) {
		r = &reconfigureResult{}
		large, err := loadClip(b, "1080p.h264")
		if err != nil {
			return r, err
		}
		small, err := loadClip(b, "720p.h264")
		if err != nil {
			return r, err
		}
		c, err := l.camera("reconfigure", large)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		var usual []time.Duration
		for turn := range 7 {
			c.clip = []*clip{large, small}[turn%2]
			c.next = 0
			row := changeRow{To: c.clip.name}
			see := func(f *frame.Frame) error {
				row.Width, row.Height = f.Width, f.Height
				return nil
			}
			start := time.Now()
			if err := c.step(ctx, see); err != nil {
				return r, err
			}
			row.Milliseconds = milliseconds(time.Since(start))
			for c.next < len(c.clip.units) {
				if err := c.step(ctx, see); err != nil {
					return r, err
				}
			}
			start = time.Now()
			if err := c.step(ctx, see); err != nil { // the first one once more
				return r, err
			}
			usual = append(usual, time.Since(start))
			books := l.device.Ledger().Owned("reconfigure")
			row.Decoder, row.Ring = books[gpu.PurposeDecoder].Bytes, books[gpu.PurposeRing].Bytes
			r.Rows = append(r.Rows, row)
			if want := []int{1080, 720}[turn%2]; row.Height != want {
				return r, fmt.Errorf("%s: frames are %d lines high", row.To, row.Height)
			}
		}
		r.Usual = timesOf(usual)
		return r, nil
	})
}

func (r *reconfigureResult) print(w io.Writer) {
	fmt.Fprintf(w, "key picture without a change: %v\n", r.Usual)
	for i, row := range r.Rows {
		what := "change to"
		if i == 0 {
			what = "begin with"
		}
		fmt.Fprintf(w, "%-10s %-11s %8.2f ms; decoder %s, ring %s\n", what, row.To, row.Milliseconds, mebi(row.Decoder), mebi(row.Ring))
	}
}
