package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/frameport/frameport/gpu"
)

// leakResult is what cameras leave behind that come and go.
type leakResult struct {
	Cycles  int   `json:"cycles"`
	Planned int   `json:"planned"` // fewer are done when the time is over
	Bytes   int64 `json:"driver_bytes"`
	Books   int64 `json:"ledger_bytes"`
	Objects int   `json:"ledger_objects"`
	// Files, Threads and Goroutines are by how much these have grown.
	Files      int `json:"files"`
	Threads    int `json:"threads"`
	Goroutines int `json:"goroutines"`
}

// warm is how many cycles come before the first look: drivers keep some things.
const warm = 5

func measureLeak(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (*leakResult, error) {
		r := &leakResult{Planned: b.bounds().cycles}
		clip, err := loadClip(b, "720p.h264")
		if err != nil {
			return r, err
		}
		cycle := func() error {
			c, err := l.camera("leak", clip)
			if err != nil {
				return err
			}
			return joinClose(c.play(ctx, 2), c)
		}
		for range warm {
			if err := cycle(); err != nil {
				return r, err
			}
		}
		before, err := l.holdings()
		if err != nil {
			return r, err
		}
		for r.Cycles < r.Planned {
			if err := cycle(); err != nil {
				if ctx.Err() != nil {
					break
				}
				return r, fmt.Errorf("cycle %d: %w", r.Cycles, err)
			}
			r.Cycles++
		}
		after, err := l.holdings()
		if err != nil {
			return r, err
		}
		r.Bytes, r.Books, r.Objects = after.bytes-before.bytes, after.books.Bytes-before.books.Bytes, after.books.Objects-before.books.Objects
		r.Files, r.Threads, r.Goroutines = after.files-before.files, after.threads-before.threads, after.goroutines-before.goroutines
		return r, r.verdict()
	})
}

// verdict says whether something is left. Drivers and the runtime keep threads, and a
// unit of memory may be another program's.
func (r *leakResult) verdict() error {
	if r.Bytes > gpu.Granularity || r.Books != 0 || r.Objects != 0 || r.Files > 0 || r.Goroutines > 0 {
		return errors.New("something is left")
	}
	return nil
}

// holdings are what this process and the device have.
type holdings struct {
	bytes                      int64
	books                      gpu.Usage
	files, threads, goroutines int
}

func (l *lab) holdings() (holdings, error) {
	used, err := l.used()
	if err != nil {
		return holdings{}, err
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return holdings{}, err
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return holdings{}, err
	}
	return holdings{used, l.device.Ledger().Total(), len(files), len(threads), runtime.NumGoroutine()}, nil
}

func (r *leakResult) print(w io.Writer) {
	fmt.Fprintf(w, "after %d of %d cycles: %+d bytes by the driver, %+d bytes and %+d objects by the ledger, %+d files, %+d threads, %+d goroutines\n",
		r.Cycles, r.Planned, r.Bytes, r.Books, r.Objects, r.Files, r.Threads, r.Goroutines)
}
