package isolated_test

import (
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/decodertest"
	"github.com/frameport/frameport/decoder/isolated"
	"github.com/frameport/frameport/media"
)

// newHost makes a host whose children are gone at the end of the test. The patience is
// that of a slow machine.
func newHost(t testing.TB, change func(*isolated.Config)) *isolated.Host {
	t.Helper()
	cfg := isolated.Config{Patience: time.Minute}
	if change != nil {
		change(&cfg)
	}
	h := isolated.NewHost(cfg)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestDecoder: a decoder in a child passes what one in this process passes.
func TestDecoder(t *testing.T) {
	h := newHost(t, nil)
	decodertest.Run(t, decodertest.Subject{
		New: func(cfg decoder.Config) (decoder.Decoder, error) {
			d, err := h.NewDecoder(cfg)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
		// As package avcodec.
		Silent:  []media.Codec{media.CodecH265, media.CodecVP8, media.CodecVP9},
		Blind:   []media.Codec{media.CodecVP8, media.CodecVP9},
		Sharing: decodertest.HostSharing(),
	})
	if s := h.Status(); s.Restarts != 0 || s.Quarantined != 0 {
		t.Errorf("%+v", s)
	}
}

// TestMemoryAsUsed: a decoder in a child takes memory for the pictures that are in use,
// as one in this process does, and not for all that there could be.
func TestMemoryAsUsed(t *testing.T) {
	h := newHost(t, nil)
	m := newCamera(t, h, "a", "h264_720p").steps(50)
	const picture = 1280 * 720 * 3 / 2
	if n := m.account.Bytes(); n < 2*picture || n > 7*picture {
		t.Errorf("%.1f pictures", float64(n)/picture)
	}
	m.keep = true
	m.steps(2)
	if n := m.account.Bytes(); n > 9*picture {
		t.Errorf("%.1f pictures when two are kept", float64(n)/picture)
	}
}
