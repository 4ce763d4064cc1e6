package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/gpu"
)

// fleet is cameras that show the same clip.
type fleet struct {
	lab     *lab
	clip    *clip
	change  []func(*decoder.Config, *nvdec.Options)
	cameras []*camera
}

func (l *lab) fleet(name string, change ...func(*decoder.Config, *nvdec.Options)) (*fleet, error) {
	clip, err := loadClip(l.bundle, name)
	if err != nil {
		return nil, err
	}
	return &fleet{lab: l, clip: clip, change: change}, nil
}

// grow opens cameras until there are n, and has each decode two pictures. One that does
// not open is closed again.
func (f *fleet) grow(ctx context.Context, n int) error {
	for len(f.cameras) < n {
		c, err := f.lab.camera(fmt.Sprintf("camera%d", len(f.cameras)), f.clip, f.change...)
		if err != nil {
			return err
		}
		if err := c.play(ctx, 2); err != nil {
			return fmt.Errorf("camera %d: %w", len(f.cameras)+1, joinClose(err, c))
		}
		f.cameras = append(f.cameras, c)
	}
	return nil
}

// refusal says whether an error of grow means that the device is full, which is a
// result and no failure.
func refusal(err error) bool {
	return errors.Is(err, decoder.ErrExhausted) || errors.Is(err, gpu.ErrOutOfMemory)
}

func (f *fleet) close() error {
	var errs []error
	for _, c := range f.cameras {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
