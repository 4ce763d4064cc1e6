package camera

import (
	"context"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// Source is where a camera's access units come from; *rtsp.Source is one.
type Source interface {
	// Run makes one attempt and calls sink, one call at a time, until the attempt
	// fails, sink returns an error or ctx ends. The unit is valid during the call.
	// When Run returns, nothing of the attempt is left and sink is not called again.
	// The error is classified by package fault, or is that of sink or ctx.
	Run(ctx context.Context, sink func(*media.AccessUnit) error) error
	// Stats may be called from any goroutine. Counters add up over all Runs.
	Stats() rtsp.Stats
}

// BackendInfo says what decodes a camera.
type BackendInfo struct {
	Name   string // "CPU" or "CUDA"
	Device string // UUID of the GPU; empty on the CPU
	Reason string // why it is not what the specification prefers; empty = it is
}

// DecoderRequest is what a camera wants decoded, and how its specification wants it.
type DecoderRequest struct {
	decoder.Config
	Backend config.BackendKind
	Device  string // UUID or index; empty = any
	// Chosen is told what decodes: before NewDecoder returns, and again when another
	// decoder takes over within Decode.
	Chosen func(BackendInfo)
}

// NewDecoder makes a decoder of the kind that the specification asks for. An error
// that wraps decoder.ErrUnsupported or decoder.ErrTooLarge refuses the stream; any
// other is tried again later. The decode goroutine of the camera calls it.
type NewDecoder func(DecoderRequest) (decoder.Decoder, error)
