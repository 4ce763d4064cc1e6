package backend

import (
	"fmt"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
)

// ForCamera is the decoder constructor that cameras get: it honours what a
// camera's specification asks for and says what it got instead.
func (b *Backend) ForCamera(r camera.DecoderRequest) (decoder.Decoder, error) {
	if err := b.Admit(config.Camera{Backend: r.Backend, Device: r.Device}); err != nil {
		// Restored and declared cameras were not asked about.
		return nil, fmt.Errorf("%w: %w", decoder.ErrUnsupported, err)
	}
	r.Chosen(camera.BackendInfo{Name: b.Choice.Kind.String()})
	return b.NewDecoder(r.Config)
}

// Admit says why a camera can't be decoded as its specification asks, with an
// error that wraps [camera.ErrBackend].
func (b *Backend) Admit(spec config.Camera) error {
	switch {
	case spec.Backend == config.BackendCUDA && b.Choice.Kind != config.BackendCUDA:
		return fmt.Errorf("%w: the camera asks for CUDA, and %s; set its backend to AUTO or CPU", camera.ErrBackend, b.Choice.Reason)
	case spec.Device != "" && b.Choice.Kind != config.BackendCUDA:
		return fmt.Errorf("%w: the camera asks for device %q, and there is no GPU in use: %s; leave device empty",
			camera.ErrBackend, spec.Device, b.Choice.Reason)
	}
	return nil
}
