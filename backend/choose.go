package backend

import (
	"context"
	"errors"
	"fmt"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/gpu"
)

// build makes what cfg asks for. What it has made when it fails is in b.engines.
func (b *Backend) build(ctx context.Context, cfg Config) error {
	if cfg.Kind == config.BackendCPU {
		b.Choice.Kind, b.Choice.Reason = config.BackendCPU, "asked for"
		return b.host(cfg)
	}
	c, err := openCUDA(ctx, cfg)
	if err == nil {
		return b.withCUDA(cfg, c)
	}
	if cfg.Kind == config.BackendCUDA {
		return fmt.Errorf("%w: CUDA: %w; use --backend auto or --backend cpu to go on without", ErrUnavailable, err)
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return err
	}
	b.Choice.Kind, b.Choice.Reason = config.BackendCPU, reasonOf(err)
	return b.host(cfg)
}

// reasonOf is what an operator needs to know of why there is no GPU; the rest is for
// --backend cuda, which fails with all of it.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*gpu.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}

// withCUDA assembles the GPUs, and the CPU for what they can't do.
func (b *Backend) withCUDA(cfg Config, c *cuda) error {
	b.engines = append(b.engines, c)
	b.Choice.Kind, b.Choice.Reason, b.Choice.Notes = config.BackendCUDA, c.describe(), c.notes
	if err := b.host(cfg); err != nil {
		return err
	}
	b.cuda, b.takeover = c, newTakeover(cfg.CPUFallback)
	b.Converter = &converter{cuda: c, host: b.Converter}
	b.Encoder = &encoder{cuda: c, host: b.Encoder}
	return nil
}
