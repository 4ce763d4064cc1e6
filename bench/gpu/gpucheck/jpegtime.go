package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	stdjpeg "image/jpeg"
	"io"
	"time"

	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg"
	"github.com/frameport/frameport/jpeg/nvjpeg"
	"github.com/frameport/frameport/jpeg/turbo"
)

// jpegResult compares the GPU's encoder with the CPU's, on the same pixels.
type jpegResult struct {
	Library string    `json:"library"`
	Rows    []jpegRow `json:"rows"`
}

type jpegRow struct {
	Clip    string  `json:"clip"`
	Quality int     `json:"quality"`
	Convert times   `json:"convert"` // the fused pass on the GPU, waited for
	GPU     jpegOne `json:"gpu"`
	CPU     jpegOne `json:"cpu"`
}

// jpegOne is one encoder: time without the conversion.
type jpegOne struct {
	Times times `json:"times"`
	Bytes int   `json:"bytes"`
	// PSNR of luma and of all samples, in decibels, against what was encoded.
	LumaPSNR float64 `json:"luma_psnr_db"`
	PSNR     float64 `json:"psnr_db"`
}

func measureJPEG(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (r *jpegResult, err error) {
		r = &jpegResult{}
		c, err := gpuconv.New(gpuconv.Config{Device: l.device, Kernels: l.kernels, Lanes: 1})
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		onGPU, err := nvjpeg.New(ctx, nvjpeg.Config{Device: l.device, Library: b.library(), States: 1})
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, onGPU.Close()) }()
		r.Library = onGPU.Library().Path + " " + onGPU.Library().Version
		onCPU, err := turbo.New(turbo.Config{Handles: 1})
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, onCPU.Close()) }()
		for _, name := range []string{"720p.h264", "1080p.h264", "2160p.h264"} {
			clip, err := loadClip(b, name)
			if err != nil {
				return r, err
			}
			err = l.picture(ctx, clip, func(f *frame.Frame) error {
				for _, quality := range []int{75, 90} {
					row := jpegRow{Clip: name, Quality: quality}
					if err := row.measure(ctx, b.bounds().pictures, f, c, onGPU, onCPU); err != nil {
						return err
					}
					r.Rows = append(r.Rows, row)
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

func (row *jpegRow) measure(ctx context.Context, n int, f *frame.Frame, c *gpuconv.Converter, onGPU, onCPU jpeg.Encoder) error {
	var took []time.Duration
	for range n {
		start := time.Now()
		out, err := c.Convert(ctx, f, toJPEG())
		if err != nil {
			return err
		}
		took = append(took, time.Since(start))
		out.Release()
	}
	row.Convert = timesOf(took)
	planes, err := c.Convert(ctx, f, toJPEG())
	if err != nil {
		return err
	}
	defer planes.Release()
	host, err := c.Download(ctx, planes)
	if err != nil {
		return err
	}
	defer host.Release()
	if err := row.GPU.measure(ctx, n, onGPU, planes, host, row.Quality); err != nil {
		return err
	}
	return row.CPU.measure(ctx, n, onCPU, host, host, row.Quality)
}

// measure encodes in, whose pixels are also in host.
func (o *jpegOne) measure(ctx context.Context, n int, e jpeg.Encoder, in, host *frame.Frame, quality int) error {
	var data []byte
	var took []time.Duration
	for range n {
		start := time.Now()
		out, err := e.Encode(ctx, in, jpeg.Options{Quality: quality}, data[:0])
		if err != nil {
			return err
		}
		took = append(took, time.Since(start))
		data = out
	}
	o.Times, o.Bytes = timesOf(took), len(data)
	return o.compare(data, host)
}

// compare decodes the JPEG and looks how much of the picture is left.
func (o *jpegOne) compare(data []byte, host *frame.Frame) error {
	img, err := stdjpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	got, ok := img.(*image.YCbCr)
	if !ok || got.SubsampleRatio != image.YCbCrSubsampleRatio420 || got.Rect.Dx() != host.Width || got.Rect.Dy() != host.Height {
		return fmt.Errorf("the JPEG is %T of %v, not 4:2:0 of %dx%d", img, img.Bounds(), host.Width, host.Height)
	}
	planes := [3][]byte{got.Y, got.Cb, got.Cr}
	strides := [3]int{got.YStride, got.CStride, got.CStride}
	sizes, _ := host.Format.Planes(host.Width, host.Height)
	squares, samples := 0.0, 0
	for i, s := range sizes {
		for y := range s.Rows {
			a, b := planes[i][y*strides[i]:][:s.RowBytes], host.Planes[i].Data[y*host.Planes[i].Pitch:][:s.RowBytes]
			for x := range a {
				d := float64(a[x]) - float64(b[x])
				squares += d * d
			}
		}
		samples += s.Rows * s.RowBytes
		if i == 0 {
			o.LumaPSNR = psnr(squares, samples)
		}
	}
	o.PSNR = psnr(squares, samples)
	return nil
}

func (r *jpegResult) print(w io.Writer) {
	fmt.Fprintln(w, r.Library)
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%-11s quality %d\n  convert %v\n", row.Clip, row.Quality, row.Convert)
		for _, one := range []struct {
			name string
			jpegOne
		}{{"GPU", row.GPU}, {"CPU", row.CPU}} {
			fmt.Fprintf(w, "  %s     %v; %d bytes, %.2f dB luma, %.2f dB all\n", one.name, one.Times, one.Bytes, one.LumaPSNR, one.PSNR)
		}
	}
}
