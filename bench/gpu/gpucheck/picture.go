package main

import (
	"context"
	"errors"
	"math"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// picture decodes some pictures of a clip and calls use with the last, in device memory.
func (l *lab) picture(ctx context.Context, clip *clip, use func(*frame.Frame) error) (err error) {
	c, err := l.camera("picture", clip)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	var last *frame.Frame
	for range 10 {
		err := c.step(ctx, func(f *frame.Frame) error {
			if last != nil {
				last.Release()
			}
			last = f.Retain()
			return nil
		})
		if err != nil {
			if last != nil {
				last.Release()
			}
			return err
		}
	}
	if last == nil {
		return errors.New("no picture came out")
	}
	defer last.Release()
	return use(last)
}

// toJPEG is the request for what an encoder takes.
func toJPEG() convert.Request {
	return convert.Request{Format: media.PixelI420, Color: media.JFIF()}
}

// psnr compares planes of bytes: decibels, 99 for equal ones.
func psnr(squares float64, n int) float64 {
	if squares == 0 || n == 0 {
		return 99
	}
	return 10 * math.Log10(255*255*float64(n)/squares)
}
