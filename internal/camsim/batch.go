package camsim

import (
	"encoding/binary"
	"math/rand/v2"
)

// Sizes of the headers in front of a payload.
const (
	interleavedHeader = 4  // RFC 2326, 10.12
	rtpHeader         = 12 // RFC 3550, 5.1
)

// batch is all that leaves at one moment: packets in one buffer, each with an
// interleaved header in front for the usual channels. It is shared by all
// viewers, so its bytes never change once it is sent.
type batch struct {
	buf     []byte
	packets []placed
}

// placed says where a packet lies in the buffer, its interleaved header included.
type placed struct {
	start, end int
	track      int
	control    bool
	onAir      bool // sent by multicast already
}

// channel is the packet's usual interleaved channel.
func (p placed) channel() byte { return byte(2*p.track + kind(p.control)) }

// rtp is what an RTP header says.
type rtp struct {
	payloadType byte
	marker      bool
	sequence    uint16
	timestamp   uint32
	ssrc        uint32
}

func (b *batch) addRTP(track int, h rtp, payload []byte) {
	at := b.begin(track, false, rtpHeader+len(payload))
	kindByte := h.payloadType
	if h.marker {
		kindByte |= 0x80
	}
	b.buf = append(b.buf, 0x80, kindByte)
	b.buf = binary.BigEndian.AppendUint16(b.buf, h.sequence)
	b.buf = binary.BigEndian.AppendUint32(b.buf, h.timestamp)
	b.buf = binary.BigEndian.AppendUint32(b.buf, h.ssrc)
	b.buf = append(b.buf, payload...)
	b.packets[at].end = len(b.buf)
}

func (b *batch) addRTCP(track int, compound []byte) {
	at := b.begin(track, true, len(compound))
	b.buf = append(b.buf, compound...)
	b.packets[at].end = len(b.buf)
}

func (b *batch) begin(track int, control bool, size int) int {
	p := placed{start: len(b.buf), track: track, control: control}
	b.packets = append(b.packets, p)
	b.buf = append(b.buf, '$', p.channel(), byte(size>>8), byte(size))
	return len(b.packets) - 1
}

// numbered is a packet with its sequence number.
type numbered struct {
	packet
	sequence uint16
}

// disturb loses, doubles and swaps packets as the behaviour asks.
func disturb(list []numbered, b *Behaviour, dice *rand.Rand) []numbered {
	if b.Loss <= 0 && b.Duplicate <= 0 && b.Reorder <= 0 {
		return list
	}
	var out []numbered
	for _, p := range list {
		if dice.Float64() < b.Loss {
			continue
		}
		out = append(out, p)
		if dice.Float64() < b.Duplicate {
			out = append(out, p)
		}
	}
	for i := 0; i+1 < len(out); i++ {
		if dice.Float64() < b.Reorder {
			out[i], out[i+1] = out[i+1], out[i]
			i++
		}
	}
	return out
}
