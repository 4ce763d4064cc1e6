package camsim

import (
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// swapSPS replaces the sequence parameter sets by ones of 16384x16384 pixels.
func swapSPS(c *testvideo.Clip, nalus [][]byte, huge bool) [][]byte {
	if !huge {
		return nalus
	}
	out := make([][]byte, len(nalus))
	for i, n := range nalus {
		out[i] = n
		switch {
		case c.Codec == media.CodecH264 && n[0]&0x1F == 7:
			out[i] = hugeSPS(c.Codec)
		case c.Codec == media.CodecH265 && n[0]>>1&0x3F == 33:
			out[i] = hugeSPS(c.Codec)
		}
	}
	return out
}

// hugeSPS is a well-formed SPS that asks for pictures of 16384x16384.
func hugeSPS(codec media.Codec) []byte {
	const size = 16384
	w := new(bitWriter)
	if codec == media.CodecH265 {
		w.bits(0, 4+3)       // VPS id, one sub-layer
		w.bits(1, 1)         // temporal id nesting
		w.bits(1, 2+1+5)     // Main profile
		w.bits(0x6000, 16)   // compatible with Main and Main 10
		w.bits(0, 16)        //
		w.bits(0x9000, 16)   // progressive, frames only
		w.bits(0, 32)        //
		w.bits(186, 8)       // level 6.2
		w.ue(0, 1)           // SPS id, 4:2:0
		w.ue(size, size)     //
		w.bits(0, 1)         // no conformance window
		w.ue(0, 0, 4)        // 8 bits, POC of 8 bits
		w.bits(1, 1)         //
		w.ue(1, 0, 0)        // picture buffer
		w.ue(0, 2, 0, 3)     // block sizes
		w.ue(0, 0)           // transform depths
		w.bits(0, 4)         // no lists, AMP, SAO, PCM
		w.ue(0)              // no short-term sets
		w.bits(0, 1+1+1+1+1) // no long-term references, TMVP, smoothing, VUI, extension
		return append([]byte{33 << 1, 1}, w.finish()...)
	}
	w.bits(66, 8)              // Baseline
	w.bits(0xC0, 8)            //
	w.bits(62, 8)              // level 6.2
	w.ue(0, 0, 2, 1)           // SPS id, frame numbers, POC type, references
	w.bits(0, 1)               //
	w.ue(size/16-1, size/16-1) // in macroblocks
	w.bits(1, 1)               // frames only
	w.bits(1, 1)               //
	w.bits(0, 1+1)             // no cropping, no VUI
	return append([]byte{0x67}, w.finish()...)
}

// bitWriter writes raw byte sequence payloads.
type bitWriter struct {
	out []byte
	n   int // bits written
}

func (w *bitWriter) bits(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// ue writes unsigned Exp-Golomb codes.
func (w *bitWriter) ue(values ...uint64) {
	for _, v := range values {
		n := 0
		for v+1 >= 1<<(n+1) {
			n++
		}
		w.bits(v+1, 2*n+1)
	}
}

// finish adds the stop bit and the emulation prevention bytes.
func (w *bitWriter) finish() []byte {
	w.bits(1, 1)
	var out []byte
	zeros := 0
	for _, b := range w.out {
		if zeros >= 2 && b <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}
