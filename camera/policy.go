package camera

import (
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/media"
)

// policy is the part of a specification that the intake and the pipeline look at
// for every unit. It is immutable; a change makes a new one.
type policy struct {
	mode     config.DecodeMode
	interval time.Duration // between published frames; 0 = all
	output   decoder.Output
	backend  config.BackendKind
	device   string
	frames   int  // that the ring keeps
	rationed bool // less than the specification asks for
	keys     bool // which is key frames
}

func policyOf(c config.Camera) *policy {
	p := &policy{
		mode: c.Decode.Mode,
		output: decoder.Output{
			MaxWidth: c.Frame.MaxWidth, MaxHeight: c.Frame.MaxHeight, Color: c.Frame.Color,
		},
		backend: c.Backend,
		device:  c.Device,
		frames:  ringSize(c),
	}
	if c.Decode.MaxFPS > 0 {
		p.interval = time.Duration(float64(time.Second) / c.Decode.MaxFPS)
	}
	return p
}

func (p *policy) decodes() bool { return p.mode != config.DecodeNone }

// intra reports whether each unit of the stream that reaches the decoder stands
// alone.
func (p *policy) intra(codec media.Codec) bool {
	return p.mode == config.DecodeKeyframes || codec == media.CodecMJPEG
}

// sameDecoder reports whether o can be served by the decoder made for p.
func (p *policy) sameDecoder(o *policy) bool { return p.backend == o.backend && p.device == o.device }
