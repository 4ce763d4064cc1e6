package rtpdepay

import (
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/media/vpx"
)

// Note: [Frames of VP8 and VP9]
//
// Both payload formats say where a frame begins, VP9's also where it ends; VP8's
// last packet has the marker bit, which is believed once it has been right, see
// Note: [Marker bits], and VP9's end bit is held to the same. A frame is delivered
// when it is whole and can be decoded: after a loss, from the next key frame on.
// What kind a frame is, its own header says: senders leave the payload's bits for
// that unset (FFmpeg sets P for no frame of VP9). A superframe of VP9 goes into one
// unit, as encoders give it.
//
// Of a stream with spatial layers the lowest is delivered, which needs no other; its
// packets carry their layer. Temporal layers are delivered all.

// vpxPacket is what a payload descriptor says of its packet.
type vpxPacket struct {
	begin bool // of a frame
	end   bool
	// droppable: no other frame refers to this packet's.
	droppable bool
	// upper: it belongs to an upper spatial layer.
	upper bool
	data  []byte
}

// vpxFrames reads VP8 (RFC 7741) and VP9 (RFC 9628) payloads.
type vpxFrames struct {
	codec    media.Codec
	parse    func(pkt *rtp.Packet) (vpxPacket, bool)
	maxBytes int
	out      *output
	stats    *counters

	buf     buffer
	open    bool
	marked  bool // the last packet was said to be the frame's last
	bad     bool // the frame is incomplete: pass over the rest
	waiting bool // for a key frame
	nonRef  bool
	ts      uint32
	first   time.Time
	last    time.Time

	markers markers
	marker  bool // the last frame was closed by its end mark
	format  *media.Format
}

func newVPX(cfg *Config, out *output, stats *counters, parse func(*rtp.Packet) (vpxPacket, bool)) *vpxFrames {
	out.clock.SetMonotone(true)
	return &vpxFrames{
		codec: cfg.Codec, parse: parse, maxBytes: cfg.MaxBytes, out: out, stats: stats,
		waiting: true, buf: buffer{room: cfg.room},
	}
}

func (d *vpxFrames) push(pkt *rtp.Packet, received time.Time) error {
	if len(pkt.Payload) == 0 {
		return nil
	}
	p, ok := d.parse(pkt)
	switch {
	case !ok:
		d.fail(&d.stats.malformed)
		return nil
	case p.upper:
		d.stats.ignored.Add(1)
		return nil
	case p.begin:
		return d.begin(pkt.Timestamp, &p, received)
	case d.bad:
		return nil
	case !d.open:
		// The middle of a frame of which there should be no more.
		if d.marker && pkt.Timestamp == d.ts {
			d.markers.lied(d.stats)
		}
		d.fail(&d.stats.tainted)
		return nil
	case pkt.Timestamp != d.ts:
		d.fail(&d.stats.malformed)
		return nil
	case d.marked:
		d.markers.lied(d.stats)
	}
	d.append(&p, received)
	return d.end(p.end)
}

// begin closes the frame before the one that begins with this packet, and begins that.
func (d *vpxFrames) begin(ts uint32, p *vpxPacket, received time.Time) error {
	var err error
	if d.open {
		err = d.deliver()
	}
	d.open, d.bad, d.marked, d.marker, d.nonRef = true, false, false, false, true
	d.ts, d.first = ts, received
	d.append(p, received)
	if e := d.end(p.end); err == nil {
		err = e
	}
	return err
}

func (d *vpxFrames) append(p *vpxPacket, received time.Time) {
	if d.buf.len()+len(p.data) > d.maxBytes {
		d.stats.oversized.Add(1)
		d.fail(&d.stats.tainted)
		return
	}
	if !d.buf.write(p.data) {
		d.stats.noMemory.Add(1)
		d.fail(&d.stats.tainted)
		d.buf.free()
		return
	}
	d.nonRef = d.nonRef && p.droppable
	d.last = received
}

// end ends a packet, and the frame if the packet is the last.
func (d *vpxFrames) end(marked bool) error {
	if !d.open {
		return nil
	}
	if d.marked = marked; marked && d.markers.trusted() {
		d.marker = true
		return d.deliver()
	}
	return nil
}

// fail gives the frame up, and all that refer to it. why is counted, and the frame once.
func (d *vpxFrames) fail(why counter) {
	if why != &d.stats.tainted && !d.bad {
		why.Add(1)
	}
	if !d.bad {
		d.stats.tainted.Add(1)
	}
	d.open, d.bad, d.marked, d.marker = false, true, false, false
	d.waiting = true
	d.buf.truncate(0)
}

func (d *vpxFrames) lost() {
	if d.open {
		d.fail(&d.stats.tainted)
	}
	d.bad, d.waiting, d.marker = true, true, false
}

func (d *vpxFrames) restart() {
	d.lost()
	d.markers.reset()
}

// deliver hands the frame over, unless it can't be decoded.
func (d *vpxFrames) deliver() error {
	h, ok := header(d.codec, d.buf.bytes())
	if !ok {
		d.fail(&d.stats.malformed)
		return nil
	}
	d.open = false
	if !d.marker { // closed by what followed
		d.markers.ended(d.marked, h.KeyFrame)
	}
	defer func() { d.buf.next(d.buf.len()) }()
	if d.waiting && !h.KeyFrame {
		d.stats.waiting.Add(1)
		return nil
	}
	d.waiting = false
	if h.KeyFrame {
		d.use(&h)
	}
	return d.out.send(&media.AccessUnit{
		Format: d.format, Data: d.buf.bytes(), RandomAccess: h.KeyFrame, NonReference: d.nonRef && !h.KeyFrame,
	}, d.ts, d.first, d.last)
}

// header reads the header of the frame, or of the first one of a superframe.
func header(codec media.Codec, data []byte) (vpx.Header, bool) {
	if codec == media.CodecVP9 {
		for frame := range vpx.Frames(data) {
			data = frame
			break
		}
	}
	return vpx.Parse(codec, data)
}

// use makes a key frame's size the format.
func (d *vpxFrames) use(h *vpx.Header) {
	if d.format != nil && d.format.Width == h.Width && d.format.Height == h.Height {
		return
	}
	block := 8 // VP9 codes in whole blocks, VP8 in macroblocks
	if d.codec == media.CodecVP8 {
		block = 16
	}
	d.format = &media.Format{
		Codec: d.codec, Width: h.Width, Height: h.Height,
		CodedWidth: (h.Width + block - 1) / block * block, CodedHeight: (h.Height + block - 1) / block * block,
		NoReorder: true,
	}
}
