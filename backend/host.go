package backend

import (
	"context"

	"github.com/frameport/frameport/convert/hostconv"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/jpeg/turbo"
)

// host assembles libavcodec, the host converters and libjpeg-turbo.
func (b *Backend) host(ctx context.Context, cfg Config) error {
	avcodec.TuneAllocator()
	encoder, err := turbo.New(turbo.Config{})
	if err != nil {
		return err
	}
	b.engines = append(b.engines, encoder)
	converter := hostconv.New(hostconv.Config{Account: cfg.Account})
	b.engines = append(b.engines, converter)
	b.Converter, b.Encoder = converter, encoder
	return b.isolate(ctx, cfg)
}
