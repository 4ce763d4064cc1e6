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
		clip, err := loadClip(b, r.Clip)
		if err != nil {
			return r, err
		}
		before, err := l.used()
		if err != nil {
			return r, err
		}
		var cameras []*camera
		defer func() {
			for _, c := range cameras {
				err = errors.Join(err, c.Close())
			}
		}()
		small := func(cfg *decoder.Config, o *nvdec.Options) { cfg.Frames, o.ExtraSurfaces = 1, -1 }
		for r.Opened < r.Tried && r.Refusal == "" {
			c, err := l.camera(fmt.Sprintf("camera%d", r.Opened), clip, small)
			if err != nil {
				return r, err
			}
			cameras = append(cameras, c)
			switch err := c.play(ctx, 1); {
			case ctx.Err() != nil:
				return r, ctx.Err()
			case err != nil:
				r.Refusal = err.Error()
			default:
				r.Opened++
			}
		}
		used, err := l.used()
		r.Driver = used - before
		if err == nil && r.Opened > 0 {
			err = cameras[0].play(ctx, 5)
		}
		r.Recovers = err == nil
		return r, err
	})
}

func (r *limitResult) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d of %d sessions opened, %s; the first decodes on: %v %s\n", r.Clip, r.Opened, r.Tried, mebi(r.Driver), r.Recovers, r.Refusal)
}
