package nvjpeg

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/dl"
)

// Library is the nvJPEG that an Encoder uses.
type Library struct {
	Path    string
	Version string // "12.3.5", or "" when it does not tell
}

// find makes states with the first library of paths that works. What ended the context or the
// device ends the search: no other version would help.
func find(ctx context.Context, cfg Config, paths []string) (*engine, error) {
	var failures []error
	var missing []string
	tried := make(map[string]bool)
	for _, path := range paths {
		l, err := dl.Open([]string{path}, nil)
		if err != nil {
			if absent(err) {
				missing = append(missing, path)
			} else {
				failures = append(failures, err)
			}
			continue
		}
		if tried[l.Path()] {
			continue // one file under two names
		}
		tried[l.Path()] = true
		e, err := newEngine(ctx, cfg, l)
		if err == nil {
			return e, nil
		}
		failures = append(failures, fmt.Errorf("%s: %w", l.Path(), err))
		if lost := cfg.Device.Health(); lost != nil || ctx.Err() != nil {
			return nil, errors.Join(failures...)
		}
	}
	if len(failures) == 0 {
		return nil, fmt.Errorf("%w: it is not installed (tried %s): install the CUDA libraries or Python's nvidia-nvjpeg-cu12, "+
			"or name its folder with --gpu-library-path", ErrUnavailable, strings.Join(missing, ", "))
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(failures...))
}

// absent says whether there is just no such file.
func absent(err error) bool {
	var open *dl.OpenError
	if !errors.As(err, &open) {
		return false
	}
	for _, a := range open.Attempts {
		// The name of a library that it needs stands before the message otherwise.
		if !strings.HasSuffix(a.Reason, "No such file or directory") || strings.Contains(a.Reason, ".so") {
			return false
		}
	}
	return true
}

// newEngine loads the functions, then makes handle and states and has each encode.
func newEngine(ctx context.Context, cfg Config, l *dl.Library) (*engine, error) {
	f, err := load(l, cfg.Device)
	if err != nil {
		return nil, err
	}
	e := &engine{device: cfg.Device, functions: f, library: Library{Path: l.Path()}}
	if v, status := f.version(); status == 0 {
		e.library.Version = fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
	}
	use := gpu.Use{Purpose: gpu.PurposeJPEG}
	e.booking, err = cfg.Device.Measure(ctx, use, 1+cfg.States, func() error {
		if err := e.start(cfg); err != nil {
			return errors.Join(err, e.stop())
		}
		return nil
	})
	if err != nil {
		f.free()
		return nil, err
	}
	return e, nil
}
