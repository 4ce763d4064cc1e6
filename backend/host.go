package backend

import (
	"github.com/frameport/frameport/convert/hostconv"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/jpeg/turbo"
)

// host assembles libavcodec, the host converters and libjpeg-turbo.
func host(choice Choice, account *frame.Account) (*Backend, error) {
	avcodec.TuneAllocator()
	encoder, err := turbo.New(turbo.Config{})
	if err != nil {
		return nil, err
	}
	return &Backend{
		Choice: choice,
		NewDecoder: func(cfg decoder.Config) (decoder.Decoder, error) {
			return avcodec.New(cfg)
		},
		Converter: hostconv.New(hostconv.Config{Account: account}),
		Encoder:   encoder,
	}, nil
}
