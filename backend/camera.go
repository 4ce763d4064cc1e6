package backend

import (
	"fmt"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
)

// ForCamera is the decoder constructor that cameras get: it honours what a
// camera's specification asks for and says what it got instead.
func (b *Backend) ForCamera(cfg decoder.Config, kind config.BackendKind) (decoder.Decoder, camera.BackendInfo, error) {
	info := camera.BackendInfo{Name: b.Choice.Kind.String()}
	if kind == config.BackendCUDA && b.Choice.Kind != config.BackendCUDA {
		return nil, info, fmt.Errorf("%w: the camera asks for CUDA, and %s; set its backend to AUTO or CPU",
			decoder.ErrUnsupported, b.Choice.Reason)
	}
	d, err := b.NewDecoder(cfg)
	return d, info, err
}
