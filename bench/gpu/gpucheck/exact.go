package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/media"
)

// kernelsResult says how the kernels of each architecture do.
type kernelsResult struct {
	Targets []kernelTarget `json:"targets"`
}

type kernelTarget struct {
	Target           string  `json:"target"`
	LoadMilliseconds float64 `json:"load_ms"` // the driver's compiler; it keeps what it made
	Pictures         int     `json:"pictures"`
	Bytes            int     `json:"bytes"`
	WrongBytes       int     `json:"wrong_bytes"`
	Error            string  `json:"error,omitempty"`
}

// checkKernels loads both PTX files and compares what they make with plain Go.
func checkKernels(ctx context.Context, b bundle) (result, error) {
	// The driver reads this when it starts: what it compiled before would be no measure.
	if err := os.Setenv("CUDA_CACHE_DISABLE", "1"); err != nil {
		return nil, err
	}
	return withLab(b, func(l *lab) (*kernelsResult, error) {
		r := &kernelsResult{}
		var errs []error
		for _, target := range kernels.Targets() {
			k := kernelTarget{Target: target}
			err := k.check(ctx, l)
			if err == nil && k.WrongBytes > 0 {
				err = fmt.Errorf("%d of %d bytes differ from the truth", k.WrongBytes, k.Bytes)
			}
			if err != nil {
				k.Error = err.Error()
				errs = append(errs, fmt.Errorf("%s: %w", target, err))
			}
			r.Targets = append(r.Targets, k)
		}
		return r, errors.Join(errs...)
	})
}

func (k *kernelTarget) check(ctx context.Context, l *lab) (err error) {
	start := time.Now()
	set, err := kernels.LoadTarget(l.device, k.Target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	k.LoadMilliseconds = milliseconds(time.Since(start))
	c, err := gpuconv.New(gpuconv.Config{Device: l.device, Kernels: set, HostJPEG: true, Lanes: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	pool := frame.NewPool(0, nil)
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, matrix := range []media.Matrix{media.MatrixBT601, media.MatrixBT709, media.MatrixBT2020} {
		for _, colors := range []media.Range{media.RangeLimited, media.RangeFull} {
			source := pool.Get(media.PixelNV12, 323, 181)
			source.Color = media.Color{Matrix: matrix, Range: colors}
			for _, p := range source.Planes {
				for i := range p.Data {
					p.Data[i] = byte(rnd.Uint32())
				}
			}
			err := k.compare(ctx, l, c, source)
			source.Release()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// compare makes every format of one picture.
func (k *kernelTarget) compare(ctx context.Context, l *lab, c *gpuconv.Converter, source *frame.Frame) error {
	on, err := l.upload(source)
	if err != nil {
		return err
	}
	defer on.Release()
	crop := image.Rect(3, 5, 320, 170)
	for _, req := range []convert.Request{
		{Format: media.PixelRGB24},
		{Format: media.PixelBGR24, Crop: crop},
		{Format: media.PixelI420, Color: media.JFIF()},
		{Format: media.PixelI420, Color: media.JFIF(), Crop: crop},
		{Format: media.PixelNV12, Crop: crop},
		{Format: media.PixelGray8, Color: media.JFIF()},
	} {
		want, err := convert.Truth(source, req)
		if err != nil {
			return err
		}
		got, err := c.Convert(ctx, on, req)
		if err != nil {
			want.Release()
			return err
		}
		k.Pictures++
		bytes, wrong := differences(got, want)
		k.Bytes += bytes
		k.WrongBytes += wrong
		got.Release()
		want.Release()
	}
	return nil
}

// differences counts the bytes of a picture and those that are not as they should be.
func differences(got, want *frame.Frame) (total, wrong int) {
	sizes, n := want.Format.Planes(want.Width, want.Height)
	for i, s := range sizes[:n] {
		for y := range s.Rows {
			a := got.Planes[i].Data[y*got.Planes[i].Pitch:][:s.RowBytes]
			b := want.Planes[i].Data[y*want.Planes[i].Pitch:][:s.RowBytes]
			total += s.RowBytes
			if bytes.Equal(a, b) {
				continue
			}
			for x := range a {
				if a[x] != b[x] {
					wrong++
				}
			}
		}
	}
	return total, wrong
}

func (r *kernelsResult) print(w io.Writer) {
	for _, k := range r.Targets {
		fmt.Fprintf(w, "%s: loaded in %.1f ms, %d pictures, %d bytes, %d wrong %s\n", k.Target, k.LoadMilliseconds, k.Pictures, k.Bytes, k.WrongBytes, k.Error)
	}
}
