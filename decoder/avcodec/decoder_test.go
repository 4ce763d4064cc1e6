package avcodec_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/decoder/decodertest"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDecoder(t *testing.T) {
	decodertest.Run(t, decodertest.Subject{
		New: func(cfg decoder.Config) (decoder.Decoder, error) { return avcodec.New(cfg) },
		// See Note: [Damage] in bridge.c.
		Silent: []media.Codec{media.CodecH265, media.CodecVP8, media.CodecVP9},
		// A reference of theirs is a slot, and something older is in it.
		Blind:   []media.Codec{media.CodecVP8, media.CodecVP9},
		Sharing: decodertest.HostSharing(),
	})
}
