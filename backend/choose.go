package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/frameport/frameport/config"
)

// build makes what cfg asks for. What it has made when it fails is in b.engines.
func (b *Backend) build(ctx context.Context, cfg Config) error {
	if cfg.Kind == config.BackendCPU {
		b.Choice.Kind, b.Choice.Reason = config.BackendCPU, "asked for"
		return b.host(ctx, cfg)
	}
	c, err := openCUDA(ctx, cfg)
	switch {
	case err == nil:
		return b.withCUDA(ctx, cfg, c)
	case ctx.Err() != nil: // the GPU has not refused
		return err
	case errors.Is(err, errBudget), errors.Is(err, errLibraryPath): // a mistake, and not the machine's nature
		return fmt.Errorf("%w: CUDA: %w", ErrUnavailable, err)
	case cfg.Kind == config.BackendCUDA:
		return fmt.Errorf("%w: CUDA: %w; use --backend auto or --backend cpu to go on without", ErrUnavailable, err)
	}
	b.Choice.Kind, b.Choice.Reason = config.BackendCPU, reasonOf(err)
	return b.host(ctx, cfg)
}

// withCUDA assembles the GPUs, and the CPU for what they can't do.
func (b *Backend) withCUDA(ctx context.Context, cfg Config, c *cuda) error {
	b.engines = append(b.engines, c)
	b.Choice.Kind, b.Choice.Reason, b.Choice.Notes = config.BackendCUDA, c.describe(), c.notes
	if err := b.host(ctx, cfg); err != nil {
		return err
	}
	b.cuda, b.takeover = c, newTakeover(cfg.CPUFallback, b.hostDecoder)
	b.Converter = &converter{cuda: c, host: b.Converter}
	b.Encoder = &encoder{cuda: c, host: b.Encoder}
	return nil
}

// Settings that can't be meant as they are: with them AUTO does not go on without a GPU.
var (
	errBudget      = errors.New("the GPU memory budget is too small")
	errLibraryPath = errors.New("the GPU library path is wrong")
)

// checkLibraryPath wants folders that exist: a mistyped one would look like a machine
// without a driver.
func checkLibraryPath(path string) error {
	for _, dir := range filepath.SplitList(path) {
		if info, err := os.Stat(dir); err != nil {
			return fmt.Errorf("%w: %w", errLibraryPath, err)
		} else if !info.IsDir() {
			return fmt.Errorf("%w: %s is no folder", errLibraryPath, dir)
		}
	}
	return nil
}
