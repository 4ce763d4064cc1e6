package hostconv_test

import (
	"errors"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/converttest"
	"github.com/frameport/frameport/convert/hostconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

func subject() converttest.Subject {
	return converttest.Subject{New: func(a *frame.Account) (convert.Converter, error) {
		return hostconv.New(hostconv.Config{Account: a}), nil
	}}
}

func TestTensor(t *testing.T) { converttest.RunTensor(t, subject()) }

func TestHash(t *testing.T) { converttest.RunHash(t, subject()) }

// yolo is the form that most detectors read.
func yolo(w, h int) convert.Tensor {
	k := float32(1. / 255)
	return convert.Tensor{
		Type: convert.TensorFloat32, Layout: convert.TensorNCHW, Width: w, Height: h, Fit: convert.FitLetterbox,
		Scale: [3]float32{k, k, k}, Std: [3]float32{1, 1, 1}, Pad: 114,
	}
}

// TestTensorAllocates: nothing, once there is memory for the size.
func TestTensorAllocates(t *testing.T) {
	c := hostconv.New(hostconv.Config{})
	defer c.Close()
	for _, format := range []media.PixelFormat{media.PixelI420, media.PixelNV12} {
		src := frame.NewPool(0, nil).Get(format, 320, 180)
		src.Color = media.JFIF()
		for _, size := range []int{160, 100, 40} { // halved, interpolated, averaged
			tensor := yolo(size, size)
			dst := make([]byte, tensor.Bytes())
			if n := testing.AllocsPerRun(20, func() {
				if err := c.Tensor(t.Context(), src, tensor, dst); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Hash(t.Context(), src); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%v to %d: %v allocations", format, size, n)
			}
		}
		src.Release()
	}
}

// TestDeviceFrames: a frame without pixels in host memory is refused.
func TestDeviceFrames(t *testing.T) {
	c := hostconv.New(hostconv.Config{})
	defer c.Close()
	src := frame.NewPool(0, nil).Get(media.PixelNV12, 64, 36)
	defer src.Release()
	src.Planes = [3]frame.Plane{}
	tensor := yolo(32, 32)
	if err := c.Tensor(t.Context(), src, tensor, make([]byte, tensor.Bytes())); !errors.Is(err, hostconv.ErrSource) {
		t.Errorf("tensor: %v", err)
	}
	if _, err := c.Hash(t.Context(), src); !errors.Is(err, hostconv.ErrSource) {
		t.Errorf("hash: %v", err)
	}
}

// BenchmarkTensor is one picture on one core. The same work in OpenCV, for comparing
// on the same machine (the smallest of several runs; apt install python3-opencv):
//
//	go test -run - -bench Tensor -benchtime 5x -count 60 ./convert/hostconv
//	/usr/bin/python3 bench/opencv_tensor.py
func BenchmarkTensor(b *testing.B) {
	for _, test := range []struct {
		name string
		w, h int
		form func(*convert.Tensor)
	}{
		{"720p to 640 FLOAT32 NCHW", 1280, 720, func(*convert.Tensor) {}},
		{"720p to 640 FLOAT32 NHWC", 1280, 720, func(t *convert.Tensor) { t.Layout = convert.TensorNHWC }},
		{"720p to 640 FLOAT16 NCHW", 1280, 720, func(t *convert.Tensor) { t.Type = convert.TensorFloat16 }},
		{"720p to 640 UINT8 NHWC", 1280, 720, func(t *convert.Tensor) {
			t.Type, t.Layout, t.Scale = convert.TensorUint8, convert.TensorNHWC, [3]float32{1, 1, 1}
		}},
		{"720p to 416 FLOAT32 NCHW", 1280, 720, func(t *convert.Tensor) { t.Width, t.Height = 416, 416 }},
		{"720p to 960 FLOAT32 NCHW", 1280, 720, func(t *convert.Tensor) { t.Width, t.Height = 960, 960 }},
		{"1080p to 640 FLOAT32 NCHW", 1920, 1080, func(*convert.Tensor) {}},
	} {
		for _, format := range []media.PixelFormat{media.PixelI420, media.PixelNV12} {
			b.Run(test.name+" "+format.String(), func(b *testing.B) {
				c := hostconv.New(hostconv.Config{})
				defer c.Close()
				src := frame.NewPool(0, nil).Get(format, test.w, test.h)
				defer src.Release()
				src.Color = media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited}
				tensor := yolo(640, 640)
				test.form(&tensor)
				dst := make([]byte, tensor.Bytes())
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Tensor(b.Context(), src, tensor, dst); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkHash(b *testing.B) {
	c := hostconv.New(hostconv.Config{})
	defer c.Close()
	src := frame.NewPool(0, nil).Get(media.PixelI420, 1920, 1080)
	defer src.Release()
	for b.Loop() {
		if _, err := c.Hash(b.Context(), src); err != nil {
			b.Fatal(err)
		}
	}
}
