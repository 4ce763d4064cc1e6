package rtpdepay

import (
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/clock"
)

// Config says what a [Stream] is to expect.
type Config struct {
	Codec media.Codec
	// ParameterSets are the NAL units from the SDP (sprop-parameter-sets,
	// sprop-vps, -sps, -pps) in any order. Broken ones, Annex B prefixes and
	// foreign bytes are tolerated; none at all is fine too.
	ParameterSets [][]byte
	// DONL says that H.265 packets carry decoding order numbers: the SDP has a
	// sprop-max-don-diff above 0. Streams that carry them without saying so are
	// recognised by their aggregation packets.
	DONL bool
	// Width and Height are the picture size from the SDP (x-dimensions,
	// framesize, cliprect), for JPEG pictures whose own header can't say it
	// (above 2040 pixels); 0 = not given.
	Width, Height int
	// MaxBytes and MaxNALUs bound one access unit; 0 = 16 MiB and 512.
	MaxBytes, MaxNALUs int
	// Memory bounds what this stream and others assemble together; nil = nothing does.
	Memory *Memory
	// Clock gives units their times. Nil makes one of ClockRate.
	Clock *clock.Clock
	// ClockRate is the RTP clock's rate when Clock is nil; 0 = 90000.
	ClockRate int

	room *room // of the stream
}

const (
	defaultMaxBytes = 16 << 20
	defaultMaxNALUs = 512
)

func (c *Config) ensureDefaults() {
	if c.MaxBytes <= 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.MaxNALUs <= 0 {
		c.MaxNALUs = defaultMaxNALUs
	}
	if c.Clock == nil {
		c.Clock = clock.New(c.ClockRate)
	}
}
