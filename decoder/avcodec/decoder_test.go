package avcodec_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/decoder/decodertest"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func subject() decodertest.Subject {
	return decodertest.Subject{
		New: func(cfg decoder.Config) (decoder.Decoder, error) { return avcodec.New(cfg) },
		// See Note: [Damage] in bridge.c.
		Silent: []media.Codec{media.CodecH265, media.CodecVP8, media.CodecVP9},
		// A reference of theirs is a slot, and something older is in it.
		Blind: []media.Codec{media.CodecVP8, media.CodecVP9},
	}
}

func TestDecoder(t *testing.T) {
	s := subject()
	s.Sharing = decodertest.HostSharing()
	decodertest.Run(t, s)
}

// TestDecoderWhileSharing: whatever a decoder can do, it can while its pictures lie in
// memory that others map, and nothing of that is left in the end.
func TestDecoderWhileSharing(t *testing.T) {
	folder, err := shm.Open(filepath.Join(t.TempDir(), "s"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	s := subject()
	s.New = func(cfg decoder.Config) (decoder.Decoder, error) {
		cfg.Regions = folder
		d, err := avcodec.New(cfg)
		if err == nil {
			d.Share(2)
		}
		return d, err
	}
	decodertest.Run(t, s)
	if err := folder.Close(); err != nil {
		t.Error(err)
	}
}
