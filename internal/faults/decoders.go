package faults

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/decoder"
)

func (w *Worker) newDecoder(r camera.DecoderRequest) (decoder.Decoder, error) {
	d, err := w.backend.NewDecoder(r)
	if err != nil {
		return nil, err
	}
	w.decoders.Add(1)
	return &countedDecoder{Decoder: d, live: &w.decoders}, nil
}

// countedDecoder tells how many decoders there are. It passes the optional abilities
// on, of which a decoder that lacks one does nothing.
type countedDecoder struct {
	decoder.Decoder
	live   *atomic.Int64
	closed bool
}

func (d *countedDecoder) Close() error {
	if !d.closed {
		d.closed = true
		d.live.Add(-1)
	}
	return d.Decoder.Close()
}

func (d *countedDecoder) SkipNonReference(on bool) {
	if s, ok := d.Decoder.(decoder.Skipper); ok {
		s.SkipNonReference(on)
	}
}

func (d *countedDecoder) SetOutput(o decoder.Output) {
	if r, ok := d.Decoder.(decoder.Resizer); ok {
		r.SetOutput(o)
	}
}

func (d *countedDecoder) Share(frames int) {
	if s, ok := d.Decoder.(decoder.Sharer); ok {
		s.Share(frames)
	}
}

func (d *countedDecoder) ShareErr() error {
	if s, ok := d.Decoder.(decoder.Sharer); ok {
		return s.ShareErr()
	}
	return fmt.Errorf("%w: %w", decoder.ErrUnsupported, errors.New("this decoder can't share"))
}
