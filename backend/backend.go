package backend

import (
	"errors"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/jpeg"
)

// Backend is a set of constructors and shared engines that belong together.
type Backend struct {
	Choice Choice
	// NewDecoder makes a decoder for one camera.
	NewDecoder func(decoder.Config) (decoder.Decoder, error)
	// Converter and Encoder are shared by all cameras.
	Converter convert.Converter
	Encoder   jpeg.Encoder
}

// Choice says which backend was taken and why.
type Choice struct {
	Requested config.BackendKind
	Kind      config.BackendKind
	// Reason is one sentence for people.
	Reason string
}

// Close frees the shared engines. Decoders must have been closed before.
func (b *Backend) Close() error {
	return errors.Join(b.Encoder.Close(), b.Converter.Close())
}

// ErrUnavailable marks a backend that was asked for by name and can't be had.
var ErrUnavailable = errors.New("backend not available")
