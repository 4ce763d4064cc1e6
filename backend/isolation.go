package backend

import (
	"context"
	"fmt"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/decoder/isolated"
)

// IsDecoderProcess says whether a command line is that of a child in which cameras are
// decoded: see [Config].
func IsDecoderProcess(args []string) bool { return isolated.IsChild(args) }

// DecoderProcess is such a child. It returns the status to exit with.
func DecoderProcess() int {
	avcodec.TuneAllocator()
	return isolated.Main(func(cfg decoder.Config) (decoder.Decoder, error) {
		d, err := avcodec.New(cfg)
		if err != nil {
			return nil, err
		}
		return d, nil
	})
}

// isolate has the CPU decode in child processes, if that is wanted. It fails when this
// machine can't lock them in.
func (b *Backend) isolate(ctx context.Context, cfg Config) error {
	if cfg.Isolation <= 0 {
		return nil
	}
	b.isolated = isolated.NewHost(isolated.Config{Cameras: cfg.Isolation, Logger: cfg.Logger})
	b.engines = append(b.engines, b.isolated)
	if err := b.isolated.Try(ctx); err != nil {
		return fmt.Errorf("decoders in processes of their own: %w; --decode-isolation none goes on without", err)
	}
	return nil
}

// Isolation is what child processes decode now; false when the CPU decodes in this one.
func (b *Backend) Isolation() (isolated.Status, bool) {
	if b.isolated == nil {
		return isolated.Status{}, false
	}
	return b.isolated.Status(), true
}
