package testvideo

import (
	"errors"
	"image"
	"image/color"
)

// Note: [Bar code]
//
// 64 blocks of equal width lie across the top of the picture, black is 0 and
// white is 1, most significant bit first:
//
//	8 bits start pattern 0xA6 | 16 bits camera | 24 bits frame | 16 bits CRC
//
// The CRC is CRC-16/CCITT-FALSE over the camera and frame numbers (5 bytes). The
// blocks are [BarHeight] lines high. A reader looks only at the middle of every
// block and decides between the two levels it finds in the start pattern, so the
// code survives JPEG, scaling down to 160 pixels of width, limited or full range,
// and noise.

const (
	barBlocks = 64
	barStart  = 0xA6

	// MaxCamera and MaxFrame are the largest numbers a bar code holds.
	MaxCamera = 1<<16 - 1
	MaxFrame  = 1<<24 - 1
)

// ErrNoBarcode reports that a picture has no readable bar code: too small, no
// start pattern, or a CRC that does not match.
var ErrNoBarcode = errors.New("no readable bar code in the picture")

// BarHeight is the height in lines of the bar code in a picture of h lines: one
// fifteenth, at least 16.
func BarHeight(h int) int { return max(16, h/15) }

// Barcode returns the 64 bits of a bar code, the leftmost block first in the most
// significant bit. Numbers beyond [MaxCamera] and [MaxFrame] wrap.
func Barcode(camera, frame int) uint64 {
	c, f := uint64(camera)&MaxCamera, uint64(frame)&MaxFrame
	return barStart<<56 | c<<40 | f<<16 | uint64(crc16(c<<24|f))
}

// Stamp draws the bar code into an 8-bit luma plane of w x h pixels whose rows
// are pitch bytes apart, with the given black and white levels (16 and 235 in
// limited range).
func Stamp(luma []byte, w, h, pitch, camera, frame int, black, white byte) {
	bits := Barcode(camera, frame)
	for y := range min(BarHeight(h), h) {
		row := luma[y*pitch:]
		for x := range w {
			row[x] = black
			if bits>>(barBlocks-1-uint(x*barBlocks/w))&1 == 1 {
				row[x] = white
			}
		}
	}
}

// ReadBarcode reads the bar code from a picture of any colour model.
func ReadBarcode(img image.Image) (camera, frame int, err error) {
	r := img.Bounds()
	if p, ok := img.(*image.YCbCr); ok && !r.Empty() {
		return ReadBarcodeLuma(p.Y[p.YOffset(r.Min.X, r.Min.Y):], r.Dx(), r.Dy(), p.YStride)
	}
	w, h := r.Dx(), min(r.Dy(), BarHeight(r.Dy()))
	luma := make([]byte, w*h)
	for y := range h {
		for x := range w {
			g, _ := color.GrayModel.Convert(img.At(r.Min.X+x, r.Min.Y+y)).(color.Gray)
			luma[y*w+x] = g.Y
		}
	}
	return readBarcode(luma, w, r.Dy(), w)
}

// ReadBarcodeLuma reads the bar code from an 8-bit luma plane of w x h pixels
// whose rows are pitch bytes apart.
func ReadBarcodeLuma(luma []byte, w, h, pitch int) (camera, frame int, err error) {
	return readBarcode(luma, w, h, pitch)
}

func readBarcode(luma []byte, w, h, pitch int) (camera, frame int, err error) {
	// The picture may have been scaled, so its bar is h/15 lines high, whatever
	// the minimum of the original was.
	top, bottom := h/60, max(h/60+1, h/20)
	const limit = 1 << 16 // of any picture: nothing below can overflow
	if w < 2*barBlocks || h < 16 || pitch < w || h > limit || pitch > limit || len(luma) < (bottom-1)*pitch+w {
		return 0, 0, ErrNoBarcode
	}
	var level [barBlocks]int
	for i := range level {
		// The middle half of the block, at least one pixel.
		left := (4*i + 1) * w / (4 * barBlocks)
		right := max(left+1, (4*i+3)*w/(4*barBlocks))
		sum := 0
		for y := top; y < bottom; y++ {
			for _, v := range luma[y*pitch+left : y*pitch+right] {
				sum += int(v)
			}
		}
		level[i] = sum / ((bottom - top) * (right - left))
	}
	var sum, n [2]int
	for i := range 8 {
		bit := barStart >> (7 - i) & 1
		sum[bit] += level[i]
		n[bit]++
	}
	black, white := sum[0]/n[0], sum[1]/n[1]
	if white-black < 32 {
		return 0, 0, ErrNoBarcode
	}
	var bits uint64
	for _, v := range level {
		bits <<= 1
		if 2*v > black+white {
			bits |= 1
		}
	}
	camera, frame = int(bits>>40&MaxCamera), int(bits>>16&MaxFrame)
	if bits != Barcode(camera, frame) {
		return 0, 0, ErrNoBarcode
	}
	return camera, frame, nil
}

// crc16 is CRC-16/CCITT-FALSE over the low 40 bits of v.
func crc16(v uint64) uint16 {
	crc := uint16(0xFFFF)
	for shift := 32; shift >= 0; shift -= 8 {
		crc ^= uint16(v>>shift&0xFF) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
