package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
)

// limitResult is how many sessions there can be.
type limitResult struct {
	Clip     string `json:"clip"`
	Opened   int    `json:"opened"`
	Tried    int    `json:"tried"` // opened is the limit only when it is less
	Driver   int64  `json:"driver_bytes"`
	Refusal  string `json:"refusal,omitempty"`
	Recovers bool   `json:"recovers"` // after the refusal the others decode on
}

// measureLimit opens sessions until one is refused. That one is no failure; that the
// others suffer would be.
func measureLimit(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (r *limitResult, err error) {
		r = &limitResult{Clip: "720p.h264", Tried: b.bounds().maximum}
		before, err := l.used()
		if err != nil {
			return r, err
		}
		f, err := l.fleet(r.Clip, func(cfg *decoder.Config, o *nvdec.Options) { cfg.Frames, o.ExtraSurfaces = 1, -1 })
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, f.close()) }()
		err = f.grow(ctx, r.Tried)
		r.Opened = len(f.cameras)
		switch {
		case ctx.Err() != nil:
			return r, err
		case err != nil:
			r.Refusal = err.Error()
		}
		used, err := l.used()
		r.Driver = used - before
		if err == nil && r.Opened > 0 {
			err = f.cameras[0].play(ctx, 5)
		}
		r.Recovers = err == nil
		return r, err
	})
}

func (r *limitResult) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d of %d sessions opened, %s; the first decodes on: %v %s\n", r.Clip, r.Opened, r.Tried, mebi(r.Driver), r.Recovers, r.Refusal)
}
