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
	// Refusals are what ended a row of cameras early: the card was full.
	Refusals []string `json:"refusals,omitempty"`
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
		var errs []error
		for _, name := range b.bounds().clips {
			if err := r.measure(ctx, l, name); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
		return r, errors.Join(errs...)
	})
}

func (r *marginalResult) measure(ctx context.Context, l *lab, name string) (err error) {
	f, err := l.fleet(name)
	if err != nil {
		return err
	}
	before, err := l.used()
	if err != nil {
		return err
	}
	books := l.device.Ledger().Total().Bytes
	defer func() { err = errors.Join(err, f.close()) }()
	for _, n := range l.bundle.bounds().cameras {
		err := f.grow(ctx, n)
		if refusal(err) {
			r.Refusals = append(r.Refusals, name+": "+err.Error())
			return nil
		}
		if err != nil {
			return err
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
	printRefusals(w, r.Refusals)
}

func printRefusals(w io.Writer, refusals []string) {
	for _, text := range refusals {
		fmt.Fprintf(w, "the card is full: %s\n", text)
	}
}
