package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// clip is a coded clip of the bundle: access units that may be played again and again.
type clip struct {
	name   string
	format media.Format
	units  []unit
}

type unit struct {
	data []byte
	key  bool
}

// interval is the time from one picture to the next.
const interval = time.Second / 25

// loadClip takes a clip apart at its access unit delimiters (bench/gpu/clips.sh).
func loadClip(b bundle, name string) (*clip, error) {
	data, err := os.ReadFile(b.path("clips", name))
	if err != nil {
		return nil, err
	}
	c := &clip{name: name, format: media.Format{Codec: media.CodecH264, NoReorder: true}}
	if strings.HasSuffix(name, ".hevc") {
		c.format.Codec = media.CodecH265
	}
	for _, nal := range testvideo.SplitAnnexB(data) {
		delimiter, parameters, key := c.kind(nal[0])
		if delimiter {
			c.units = append(c.units, unit{})
			continue
		}
		if len(c.units) == 0 {
			return nil, fmt.Errorf("clip %s does not begin with a delimiter", name)
		}
		if parameters && len(c.units) == 1 {
			c.format.Parameters = append(append(c.format.Parameters, 0, 0, 0, 1), nal...)
		}
		u := &c.units[len(c.units)-1]
		u.data = append(append(u.data, 0, 0, 0, 1), nal...)
		u.key = u.key || key
	}
	if len(c.units) < 10 || !c.units[0].key {
		return nil, fmt.Errorf("clip %s has %d access units, or the first cannot be decoded alone", name, len(c.units))
	}
	return c, nil
}

// kind says what a NAL unit with this first byte is (H.264 table 7-1, H.265 table 7-1).
func (c *clip) kind(first byte) (delimiter, parameters, key bool) {
	if c.format.Codec == media.CodecH264 {
		t := first & 0x1F
		return t == 9, t == 7 || t == 8, t == 5
	}
	t := first >> 1 & 0x3F
	return t == 35, t >= 32 && t <= 34, t >= 16 && t <= 21
}

// unit is the n-th access unit of the clip played without end.
func (c *clip) unit(n int) *media.AccessUnit {
	u := c.units[n%len(c.units)]
	return &media.AccessUnit{
		Format: &c.format, Data: u.data, RandomAccess: u.key,
		Times: media.Times{PTS: time.Duration(n) * interval},
	}
}
