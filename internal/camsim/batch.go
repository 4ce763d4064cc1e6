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
	channelOf  int  // interleaved channel of this packet alone; 0 = its track's
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
	b.addPacket(track, Packet{
		Payload: payload, Marker: h.marker, Type: h.payloadType, Timestamp: h.timestamp, SSRC: h.ssrc, sequence: h.sequence,
	})
}

func (b *batch) addPacket(track int, h Packet) {
	at := b.begin(track, false, h.size())
	b.packets[at].channelOf = h.Channel
	if h.Channel != 0 {
		b.buf[b.packets[at].start+1] = byte(h.Channel)
	}
	defer func() { b.packets[at].end = len(b.buf) }()
	if h.Raw != nil {
		b.buf = append(b.buf, h.Raw...)
		return
	}
	first, kindByte := byte(0x80), h.Type
	if h.Marker {
		kindByte |= 0x80
	}
	if h.Padding > 0 {
		first |= 0x20
	}
	if h.Extension != nil {
		first |= 0x10
	}
	b.buf = append(b.buf, first, kindByte)
	b.buf = binary.BigEndian.AppendUint16(b.buf, h.sequence)
	b.buf = binary.BigEndian.AppendUint32(b.buf, h.Timestamp)
	b.buf = binary.BigEndian.AppendUint32(b.buf, h.SSRC)
	b.buf = append(b.buf, h.Extension...)
	b.buf = append(b.buf, h.Payload...)
	if h.Padding > 0 {
		b.buf = append(b.buf, make([]byte, h.Padding-1)...)
		b.buf = append(b.buf, byte(h.Padding))
	}
}

// size is what the packet takes on the wire.
func (p *Packet) size() int {
	if p.Raw != nil {
		return len(p.Raw)
	}
	return rtpHeader + len(p.Extension) + len(p.Payload) + p.Padding
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

// disturb loses, doubles and swaps packets as the behaviour asks.
func disturb(list []Packet, b *Behaviour, dice *rand.Rand) []Packet {
	if b.Loss <= 0 && b.Duplicate <= 0 && b.Reorder <= 0 {
		return list
	}
	var out []Packet
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
