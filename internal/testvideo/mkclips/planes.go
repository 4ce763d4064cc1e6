package main

import (
	"strings"
)

// coder turns drawn pictures into the raw planes ffmpeg reads.
type coder struct {
	kr, kb     float64 // ITU-R BT.601 or BT.709 luma weights
	full       bool
	bits       int
	subX, subY int // chroma subsampling
}

func newCoder(r recipe) coder {
	c := coder{kr: 0.2126, kb: 0.0722, full: r.fullRange(), bits: 8, subX: 2, subY: 2}
	if r.matrix601() {
		c.kr, c.kb = 0.299, 0.114
	}
	if strings.HasSuffix(r.pixFmt, "10le") {
		c.bits = 10
	}
	switch {
	case strings.Contains(r.pixFmt, "444"):
		c.subX, c.subY = 1, 1
	case strings.Contains(r.pixFmt, "422"):
		c.subY = 1
	}
	return c
}

// levels returns offset and size of luma and the size of chroma for 8 bits.
func (c coder) levels() (black, luma, chroma float64) {
	if c.full {
		return 0, 255, 255
	}
	return 16, 219, 224
}

// planes returns the picture as three planes, one after the other.
func (c coder) planes(pic *canvas) []byte {
	black, lumaSize, chromaSize := c.levels()
	var out []byte
	for _, p := range pic.pix {
		out = c.put(out, black+lumaSize*c.luma(p)/255)
	}
	cw, ch := (pic.w+c.subX-1)/c.subX, (pic.h+c.subY-1)/c.subY
	var blue, red []byte
	for cy := range ch {
		for cx := range cw {
			// The mean over the block of pixels that share the sample.
			var u, v, n float64
			for y := cy * c.subY; y < min((cy+1)*c.subY, pic.h); y++ {
				for x := cx * c.subX; x < min((cx+1)*c.subX, pic.w); x++ {
					p := pic.pix[y*pic.w+x]
					l := c.luma(p)
					u += (float64(p.b) - l) / (2 * (1 - c.kb))
					v += (float64(p.r) - l) / (2 * (1 - c.kr))
					n++
				}
			}
			blue = c.put(blue, 128+chromaSize*u/n/255)
			red = c.put(red, 128+chromaSize*v/n/255)
		}
	}
	return append(append(out, blue...), red...)
}

func (c coder) luma(p rgb) float64 {
	return c.kr*float64(p.r) + (1-c.kr-c.kb)*float64(p.g) + c.kb*float64(p.b)
}

// put appends one sample, given in 8-bit levels, in little-endian order.
func (c coder) put(out []byte, v float64) []byte {
	v *= float64(int(1) << (c.bits - 8))
	limit := float64(int(1)<<c.bits - 1)
	n := int(min(max(v, 0), limit) + 0.5)
	n = min(n, int(limit))
	if c.bits > 8 {
		return append(out, byte(n), byte(n>>8))
	}
	return append(out, byte(n))
}
