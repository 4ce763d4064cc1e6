package camsim

import (
	"encoding/binary"
	"errors"
)

// jpegPicture is what RFC 2435 carries of a JPEG picture.
type jpegPicture struct {
	width, height int
	kind          byte   // 0 = 4:2:2, 1 = 4:2:0
	restart       uint16 // restart interval in MCUs, 0 = none
	tables        [2][]byte
	scan          []byte // entropy-coded data without markers around it
}

var (
	errJPEG      = errors.New("not a baseline JPEG picture that RTP can carry (RFC 2435: YCbCr 4:2:2 or 4:2:0, 8-bit tables)")
	errJPEGShort = errors.New("JPEG picture ends early")
)

// parseJPEG takes a picture apart. The standard's Huffman tables are assumed, as
// RFC 2435 does.
func parseJPEG(data []byte) (*jpegPicture, error) {
	p := new(jpegPicture)
	var tables [4][]byte
	var selector [2]byte
	for at := 2; at+4 <= len(data); {
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if data[at] != 0xFF || size < 2 || at+2+size > len(data) {
			return nil, errJPEGShort
		}
		body := data[at+4 : at+2+size]
		at += 2 + size
		switch marker {
		case 0xDB: // quantization tables
			for ; len(body) >= 65; body = body[65:] {
				if body[0] > 3 {
					return nil, errJPEG
				}
				tables[body[0]] = body[1:65]
			}
		case 0xC0: // baseline frame
			if len(body) < 15 || body[5] != 3 || body[0] != 8 {
				return nil, errJPEG
			}
			p.height, p.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
			switch {
			case body[10] != 0x11 || body[13] != 0x11:
				return nil, errJPEG
			case body[7] == 0x21:
				p.kind = 0
			case body[7] == 0x22:
				p.kind = 1
			default:
				return nil, errJPEG
			}
			selector = [2]byte{body[8] & 3, body[11] & 3}
		case 0xC1, 0xC2, 0xC3:
			return nil, errJPEG
		case 0xDD: // restart interval
			if len(body) < 2 {
				return nil, errJPEGShort
			}
			p.restart = binary.BigEndian.Uint16(body)
		case 0xDA: // scan: the rest but for the end marker
			if len(data)-at < 2 {
				return nil, errJPEGShort
			}
			p.scan = data[at : len(data)-2]
			p.tables = [2][]byte{tables[selector[0]], tables[selector[1]]}
			if p.width == 0 || p.tables[0] == nil || p.tables[1] == nil {
				return nil, errJPEG
			}
			return p, nil
		}
	}
	return nil, errJPEGShort
}

// maxJPEGSize is the largest width or height that fits the payload header, which
// counts blocks of 8 pixels in a byte.
const maxJPEGSize = 255 * 8

// packetizeJPEG follows RFC 2435 with quantization tables in band (Q = 255).
// Pictures that are too large for the header have size 0 in it, as cameras do
// that say their size in the SDP.
func packetizeJPEG(data []byte) ([]packet, error) {
	p, err := parseJPEG(data)
	if err != nil {
		return nil, err
	}
	var w, h byte
	if p.width <= maxJPEGSize && p.height <= maxJPEGSize {
		w, h = byte((p.width+7)/8), byte((p.height+7)/8)
	}
	kind := p.kind
	if p.restart > 0 {
		kind |= 0x40
	}
	var out []packet
	for at := 0; at < len(p.scan); {
		b := []byte{0, byte(at >> 16), byte(at >> 8), byte(at), kind, 255, w, h}
		if p.restart > 0 { // whole picture in every packet: F = L = 1, count 0x3FFF
			b = append(b, byte(p.restart>>8), byte(p.restart), 0xFF, 0xFF)
		}
		if at == 0 {
			b = append(b, 0, 0, 0, 128)
			b = append(append(b, p.tables[0]...), p.tables[1]...)
		}
		n := min(maxPayload-len(b), len(p.scan)-at)
		b = append(b, p.scan[at:at+n]...)
		at += n
		out = append(out, packet{payload: b, endNAL: at == len(p.scan)})
	}
	if len(out) == 0 {
		return nil, errJPEGShort
	}
	return out, nil
}
