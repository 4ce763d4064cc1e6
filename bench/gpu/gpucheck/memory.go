package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/jpeg/nvjpeg"
)

// memoryResult is device memory per item.
type memoryResult struct {
	// Process is NVML's number for a process with context and kernels; 0 is not known.
	Process int64          `json:"process_bytes"`
	Context int64          `json:"context_bytes"` // 0 is not known
	Kernels int64          `json:"kernels_bytes"`
	JPEG    []jpegMemory   `json:"jpeg"`
	Cameras []cameraMemory `json:"cameras"`
}

// jpegMemory is what nvJPEG takes for pictures up to a size.
type jpegMemory struct {
	Width  int   `json:"width"`
	Height int   `json:"height"`
	States int   `json:"states"`
	Bytes  int64 `json:"bytes"` // handle and states
}

// cameraMemory is what one camera takes.
type cameraMemory struct {
	Clip          string `json:"clip"`
	ExtraSurfaces int    `json:"extra_surfaces"` // beyond what the stream needs
	Decoder       int64  `json:"decoder_bytes"`  // measured around its creation
	Ring          int64  `json:"ring_bytes"`
	// Driver is by how much the device's memory in use has grown, whatever the books say.
	Driver int64  `json:"driver_bytes"`
	Left   int64  `json:"left_bytes"` // of that, after the camera is gone
	Error  string `json:"error,omitempty"`
}

func measureMemory(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (*memoryResult, error) {
		r := &memoryResult{}
		r.Process, _ = l.processMemory(l.device.Info())
		books := l.device.Ledger().Snapshot().ByPurpose
		r.Context, r.Kernels = books[gpu.PurposeContext].Bytes, books[gpu.PurposeModule].Bytes
		var errs []error
		errs = append(errs, r.jpeg(ctx, l))
		for _, name := range b.bounds().clips {
			for _, extra := range []int{0, 1, 3} {
				c := cameraMemory{Clip: name, ExtraSurfaces: extra}
				if err := c.measure(ctx, l); err != nil {
					c.Error = err.Error()
					errs = append(errs, fmt.Errorf("%s: %w", name, err))
				}
				r.Cameras = append(r.Cameras, c)
			}
		}
		return r, errors.Join(errs...)
	})
}

func (r *memoryResult) jpeg(ctx context.Context, l *lab) error {
	for _, size := range [][2]int{{1280, 720}, {1920, 1080}, {3840, 2160}} {
		for states := range nvjpeg.MaxStates {
			e, err := nvjpeg.New(ctx, nvjpeg.Config{
				Device: l.device, Library: l.bundle.library(), States: states + 1, Width: size[0], Height: size[1],
			})
			if err != nil {
				return err
			}
			bytes := l.device.Ledger().Snapshot().ByPurpose[gpu.PurposeJPEG].Bytes
			r.JPEG = append(r.JPEG, jpegMemory{size[0], size[1], states + 1, bytes})
			if err := e.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *cameraMemory) measure(ctx context.Context, l *lab) error {
	clip, err := loadClip(l.bundle, m.Clip)
	if err != nil {
		return err
	}
	before, err := l.used()
	if err != nil {
		return err
	}
	c, err := l.camera(m.Clip, clip, surfaces(m.ExtraSurfaces))
	if err != nil {
		return err
	}
	err = c.play(ctx, 5)
	books := l.device.Ledger().Owned(m.Clip)
	m.Decoder, m.Ring = books[gpu.PurposeDecoder].Bytes, books[gpu.PurposeRing].Bytes
	during, usedErr := l.used()
	if err := errors.Join(err, usedErr, c.Close()); err != nil {
		return err
	}
	after, err := l.used()
	m.Driver, m.Left = during-before, after-before
	return err
}

func (r *memoryResult) print(w io.Writer) {
	fmt.Fprintf(w, "process with context and kernels, by NVML: %s; context %s, kernels %s\n", mebi(r.Process), mebi(r.Context), mebi(r.Kernels))
	for _, j := range r.JPEG {
		fmt.Fprintf(w, "nvJPEG for %dx%d, %d states: %s\n", j.Width, j.Height, j.States, mebi(j.Bytes))
	}
	for _, c := range r.Cameras {
		fmt.Fprintf(w, "%-11s surfaces +%d: %s in all by the driver; decoder %s, ring %s; left afterwards %s %s\n",
			c.Clip, c.ExtraSurfaces, mebi(c.Driver), mebi(c.Decoder), mebi(c.Ring), mebi(c.Left), c.Error)
	}
}
