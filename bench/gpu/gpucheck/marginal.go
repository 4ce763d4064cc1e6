package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// marginalResult is device memory by the number of cameras.
type marginalResult struct {
	Rows []marginalRow `json:"rows"`
}

type marginalRow struct {
	Clip    string `json:"clip"`
	Cameras int    `json:"cameras"`
	Driver  int64  `json:"driver_bytes"` // more than without cameras
	Books   int64  `json:"ledger_bytes"` // the same by the ledger
	Each    int64  `json:"bytes_per_camera"`
}

func measureMarginal(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (*marginalResult, error) {
		r := &marginalResult{}
		for _, name := range b.bounds().clips {
			if err := r.measure(ctx, l, name); err != nil {
				return r, fmt.Errorf("%s: %w", name, err)
			}
		}
		return r, nil
	})
}

func (r *marginalResult) measure(ctx context.Context, l *lab, name string) (err error) {
	clip, err := loadClip(l.bundle, name)
	if err != nil {
		return err
	}
	before, err := l.used()
	if err != nil {
		return err
	}
	books := l.device.Ledger().Total().Bytes
	var cameras []*camera
	defer func() {
		for _, c := range cameras {
			err = errors.Join(err, c.Close())
		}
	}()
	for _, n := range l.bundle.bounds().cameras {
		for len(cameras) < n {
			c, err := l.camera(fmt.Sprintf("camera%d", len(cameras)), clip)
			if err != nil {
				return err
			}
			cameras = append(cameras, c)
			if err := c.play(ctx, 2); err != nil {
				return fmt.Errorf("camera %d: %w", len(cameras), err)
			}
		}
		used, err := l.used()
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, marginalRow{
			Clip: name, Cameras: n, Driver: used - before, Books: l.device.Ledger().Total().Bytes - books, Each: (used - before) / int64(n),
		})
	}
	return nil
}

func (r *marginalResult) print(w io.Writer) {
	for _, m := range r.Rows {
		fmt.Fprintf(w, "%-11s %3d cameras: %s, %s each; by the ledger %s\n", m.Clip, m.Cameras, mebi(m.Driver), mebi(m.Each), mebi(m.Books))
	}
}
