package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

// batchTarget is what a batch of 16 may take, in milliseconds.
const batchTarget = 0.5

// batchResult is how long a batch takes that is made in device memory, from frames there.
type batchResult struct {
	Clip   string     `json:"clip"`
	Side   int        `json:"tensor_side"`
	Rows   []batchRow `json:"rows"`
	Target float64    `json:"target_ms_of_16_float32"`
}

type batchRow struct {
	Type   string `json:"type"`
	Frames int    `json:"frames"` // of as many cameras
	Times  times  `json:"times"`
}

func measureBatches(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (*batchResult, error) {
		r := &batchResult{Clip: "720p.h264", Side: 640, Target: batchTarget}
		return r, r.measure(ctx, l)
	})
}

func (r *batchResult) measure(ctx context.Context, l *lab) (err error) {
	sizes := l.bundle.bounds().batches
	most := sizes[len(sizes)-1]
	f, err := l.fleet(r.Clip)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.grow(ctx, most); err != nil {
		return err
	}
	frames, err := f.newest(ctx)
	defer func() {
		for _, f := range frames {
			f.Release()
		}
	}()
	if err != nil {
		return err
	}
	c, err := gpuconv.New(gpuconv.Config{Device: l.device, Kernels: l.kernels})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	memory, err := l.device.Alloc(int64(most*modelTensor(r.Side, convert.TensorFloat32).Bytes()), gpu.Use{Purpose: gpu.PurposeBatch})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	for _, kind := range []convert.TensorType{convert.TensorFloat32, convert.TensorFloat16, convert.TensorUint8} {
		tensor := modelTensor(r.Side, kind)
		for _, n := range sizes {
			if kind != convert.TensorFloat32 && n != most {
				continue
			}
			row := batchRow{Type: kind.String(), Frames: n}
			if row.Times, err = timeBatch(ctx, c, rowsOf(frames[:n], tensor, memory.Address()), tensor, l.bundle.bounds().pictures); err != nil {
				return err
			}
			r.Rows = append(r.Rows, row)
		}
	}
	return nil
}

// modelTensor is what a detector takes: a letterboxed square, 0 to 1 as floats.
func modelTensor(side int, kind convert.TensorType) convert.Tensor {
	t := convert.Tensor{
		Type: kind, Layout: convert.TensorNCHW, Width: side, Height: side, Fit: convert.FitLetterbox,
		Scale: [3]float32{1, 1, 1}, Std: [3]float32{1, 1, 1}, Pad: 114,
	}
	if kind != convert.TensorUint8 {
		t.Scale = [3]float32{1. / 255, 1. / 255, 1. / 255}
	}
	return t
}

func rowsOf(frames []*frame.Frame, t convert.Tensor, at gpu.Address) (rows []gpuconv.Row) {
	for i, f := range frames {
		rows = append(rows, gpuconv.Row{Source: f, Out: at + gpu.Address(i*t.Bytes())})
	}
	return rows
}

// timeBatch makes the batch over and over. The first ones, in which things are made that
// are kept, don't count.
func timeBatch(ctx context.Context, c *gpuconv.Converter, rows []gpuconv.Row, t convert.Tensor, n int) (times, error) {
	const warm = 5
	var took []time.Duration
	for i := range warm + n {
		start := time.Now()
		if err := c.TensorsOnDevice(ctx, rows, t); err != nil {
			return times{}, err
		}
		if i >= warm {
			took = append(took, time.Since(start))
		}
	}
	return timesOf(took), nil
}

// newest decodes on each camera until it has a picture, and returns those. They are the
// caller's also with an error.
func (f *fleet) newest(ctx context.Context) (frames []*frame.Frame, err error) {
	for i, c := range f.cameras {
		for len(frames) == i {
			err := c.step(ctx, func(f *frame.Frame) error {
				if len(frames) == i {
					frames = append(frames, f.Retain())
				}
				return nil
			})
			if err != nil {
				return frames, err
			}
		}
	}
	return frames, nil
}

func (r *batchResult) print(w io.Writer) {
	fmt.Fprintf(w, "frames of %s in device memory to tensors of %dx%d there, letterboxed; target for 16 as FLOAT32: %.1f ms\n", r.Clip, r.Side, r.Side, r.Target)
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%-8s %3d frames: %v\n", row.Type, row.Frames, row.Times)
	}
}
