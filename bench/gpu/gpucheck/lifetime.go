package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// lifetimeResult is how long decoders take to come and go.
type lifetimeResult struct {
	Rows []lifetimeRow `json:"rows"`
}

type lifetimeRow struct {
	Clip   string `json:"clip"`
	First  times  `json:"first_picture"` // making everything, and one picture
	Second times  `json:"second_picture"`
	Close  times  `json:"close"`
}

func measureLifetime(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (*lifetimeResult, error) {
		r := &lifetimeResult{}
		for _, name := range b.bounds().clips {
			clip, err := loadClip(b, name)
			if err != nil {
				return r, err
			}
			var first, second, closing []time.Duration
			for range b.bounds().lifetimes {
				start := time.Now()
				c, err := l.camera("lifetime", clip)
				if err != nil {
					return r, err
				}
				if err := c.play(ctx, 1); err != nil {
					return r, joinClose(err, c)
				}
				made := time.Now()
				if err := c.play(ctx, 1); err != nil {
					return r, joinClose(err, c)
				}
				again := time.Now()
				if err := c.Close(); err != nil {
					return r, err
				}
				first, second, closing = append(first, made.Sub(start)), append(second, again.Sub(made)), append(closing, time.Since(again))
			}
			r.Rows = append(r.Rows, lifetimeRow{name, timesOf(first), timesOf(second), timesOf(closing)})
		}
		return r, nil
	})
}

func (r *lifetimeResult) print(w io.Writer) {
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%-11s first picture  %v\n%-11s second picture %v\n%-11s close          %v\n", row.Clip, row.First, "", row.Second, "", row.Close)
	}
}
