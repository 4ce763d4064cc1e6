package backend

import (
	"errors"
	"fmt"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/decoder/nvdec"
)

// NewDecoder makes a decoder for one camera, as [camera.NewDecoder] wants it: on a GPU
// where there is one and the specification does not say otherwise. What the GPU can't
// decode goes to the CPU when the specification leaves the choice, and Chosen hears why.
func (b *Backend) NewDecoder(r camera.DecoderRequest) (decoder.Decoder, error) {
	if err := b.possible(r.Backend, r.Device); err != nil {
		// Restored and declared cameras were not asked about.
		return nil, fmt.Errorf("%w: %w", decoder.ErrUnsupported, err)
	}
	r.Regions, r.Shared = b.regions, &b.shared
	if b.cuda == nil || r.Backend == config.BackendCPU {
		r.Chosen(onCPU(""))
		return b.hostDecoder(r.Config)
	}
	s, err := b.cuda.place(r.Camera, r.Device)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", decoder.ErrUnsupported, err)
	}
	d, err := nvdec.New(r.Config, nvdec.Options{Device: s.device, Kernels: s.kernels})
	switch {
	case err == nil && r.Backend == config.BackendCUDA:
		r.Chosen(s.info())
		return d, nil
	case err == nil:
		r.Chosen(s.info())
		return &deputised{able: d, request: r, takeover: b.takeover}, nil
	case errors.Is(err, decoder.ErrUnsupported) && r.Backend == config.BackendAuto:
		d, err := b.takeover.decoder(r, err)
		if err != nil {
			return nil, err
		}
		return d, nil
	default:
		return nil, err
	}
}

// able is what every decoder here can do.
type able interface {
	decoder.Decoder
	decoder.Skipper
	decoder.Resizer
	decoder.Sharer
}

// hostDecoder returns no nil pointer in the interface.
func (b *Backend) hostDecoder(cfg decoder.Config) (able, error) {
	if b.isolated != nil {
		d, err := b.isolated.NewDecoder(cfg)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	d, err := avcodec.New(cfg)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func onCPU(reason string) camera.BackendInfo {
	return camera.BackendInfo{Name: config.BackendCPU.String(), Reason: reason}
}

func (s *site) info() camera.BackendInfo {
	return camera.BackendInfo{Name: config.BackendCUDA.String(), Device: s.device.Info().UUID}
}
