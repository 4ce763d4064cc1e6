package backend

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/nvml"
)

// hang is how long a call may stay in the driver. None takes seconds, so after this
// it will not return, and the cameras behind it stand still.
const hang = time.Minute

// cuda is the driver and every GPU that can be used.
type cuda struct {
	driver *gpu.Driver
	meter  nvml.Meter // nil: not available
	sites  []*site    // at least one
	notes  []string

	mu     sync.Mutex
	placed map[string][]*placement // by camera: one for each specification, the newest last
}

// openCUDA opens the driver and all GPUs that it shows (CUDA_VISIBLE_DEVICES chooses).
// It fails when none can be used, with the reason of each.
func openCUDA(ctx context.Context, cfg Config) (*cuda, error) {
	if err := checkLibraryPath(cfg.LibraryPath); err != nil {
		return nil, err
	}
	libraries := gpu.LibraryConfig{Path: cfg.LibraryPath}
	driver, err := gpu.Open(libraries)
	if err != nil {
		return nil, err
	}
	c := &cuda{driver: driver, placed: map[string][]*placement{}}
	if meter, err := nvml.Open(nvml.Config{Dirs: libraries.Dirs()}); err == nil {
		c.meter = meter
	} else {
		c.notes = append(c.notes, fmt.Sprintf("the GPU's load and this process's memory are not known: %s", oneLine(err)))
	}
	if err := c.openSites(ctx, cfg); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *cuda) openSites(ctx context.Context, cfg Config) error {
	infos := c.driver.Devices()
	sites, errs := make([]*site, len(infos)), make([]error, len(infos))
	var opening sync.WaitGroup
	for i, info := range infos {
		opening.Go(func() { sites[i], errs[i] = c.openSite(ctx, cfg, info) })
	}
	opening.Wait()
	var refusals severalErrors
	for i, s := range sites {
		if errs[i] != nil {
			r := &refusal{info: infos[i], err: errs[i]}
			refusals = append(refusals, r)
			c.notes = append(c.notes, r.reason())
			continue
		}
		c.sites = append(c.sites, s)
		if s.noJPEG != nil {
			c.notes = append(c.notes, fmt.Sprintf("the CPU encodes JPEG for %s: %s", infos[i], oneLine(s.noJPEG)))
		}
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("stopped while the GPUs were being opened: %w", context.Cause(ctx))
	case len(c.sites) == 0:
		return refusals
	}
	return nil
}

// describe says in one sentence what was found.
func (c *cuda) describe() string {
	names := make([]string, 0, len(c.sites))
	for _, s := range c.sites {
		names = append(names, fmt.Sprintf("%s with %d video decoders", s.device.Info().Name, s.device.Engines()))
	}
	paths := c.driver.LibraryPaths()
	return fmt.Sprintf("%s; driver in %s", strings.Join(names, ", "), filepath.Dir(paths["libcuda.so.1"]))
}

// siteOf finds the GPU that a frame is on; nil = none of these.
func (c *cuda) siteOf(device *gpu.Device) *site {
	for _, s := range c.sites {
		if s.device == device {
			return s
		}
	}
	return nil
}

func (c *cuda) parallel() (n int) {
	for _, s := range c.sites {
		n += s.parallel()
	}
	return n
}

func (c *cuda) memoryOf(id string) (m camera.DeviceMemory) {
	for _, s := range c.sites {
		for purpose, use := range s.device.Ledger().Owned(id) {
			switch purpose {
			case gpu.PurposeDecoder:
				m.Decoder += use.Bytes
			case gpu.PurposeRing:
				m.Ring += use.Bytes
			default:
				m.Other += use.Bytes
			}
		}
	}
	return m
}

// watch returns the first loss of a GPU; see [Backend.Watch].
func (c *cuda) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	losses := make(chan error, len(c.sites))
	for _, s := range c.sites {
		watching.Go(func() { losses <- s.watch(ctx) })
	}
	err := <-losses // nil only when ctx has ended, and then all are
	cancel()
	watching.Wait()
	return err
}

// Close frees everything, in the reverse order of openCUDA. What fails with
// [gpu.ErrLeak] may be closed again.
func (c *cuda) Close() error {
	var errs []error
	for _, s := range slices.Backward(c.sites) {
		errs = append(errs, s.Close())
	}
	if c.meter != nil {
		errs = append(errs, c.meter.Close())
	}
	return errors.Join(append(errs, c.driver.Close())...)
}
