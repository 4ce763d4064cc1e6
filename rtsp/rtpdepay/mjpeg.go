package rtpdepay

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
)

// onvifJPEG is the profile of the RTP header extension in which ONVIF devices
// put what the RFC 2435 header has no room for (ONVIF Streaming, 5.1.4).
const onvifJPEG = 0xffd8

// mjpeg reads RFC 2435 payloads.
type mjpeg struct {
	maxBytes int
	hintW    int
	hintH    int
	out      *output
	stats    *counters

	buf    buffer
	front  []byte // scratch: the header that is made
	header int    // bytes of buf before the entropy-coded data
	open   bool
	marked bool // the last packet had the marker bit
	own    bool // the payload brings its own JPEG header
	bad    bool // the picture is incomplete: wait for the next
	ts     uint32
	first  time.Time
	last   time.Time
	width  int
	height int
	// bigW and bigH are the size from the last ONVIF extension.
	bigW, bigH int

	tables  [256]*quantTables // of Q values 128 to 254, as sent last
	scaled  quantTables       // of the Q value scaledQ below 100
	scaledQ uint8
	markers markers
	marker  bool // the last picture was closed by its marker
	format  *media.Format
}

func newMJPEG(cfg *Config, out *output, stats *counters) *mjpeg {
	out.clock.SetMonotone(true)
	return &mjpeg{maxBytes: cfg.MaxBytes, hintW: cfg.Width, hintH: cfg.Height, out: out, stats: stats, buf: buffer{room: cfg.room}}
}

func (d *mjpeg) push(pkt *rtp.Packet, received time.Time) error {
	if len(pkt.Payload) == 0 {
		return nil
	}
	h, data, ok := parseJPEGHeader(pkt.Payload)
	if !ok {
		d.fail(&d.stats.malformed)
		return nil
	}
	if h.offset == 0 {
		err := d.finish(pkt, h, data, received)
		return err
	}
	if d.bad {
		return nil
	}
	if !d.open {
		// The middle of a picture of which there should be no more.
		if d.marker && pkt.Timestamp == d.ts {
			d.markers.lied(d.stats)
		}
		d.fail(&d.stats.tainted)
		return nil
	}
	if h.offset != d.buf.len()-d.header || pkt.Timestamp != d.ts {
		d.fail(&d.stats.malformed)
		return nil
	}
	if d.marked {
		d.markers.lied(d.stats)
	}
	d.append(data, received)
	return d.end(pkt.Marker)
}

// finish closes the picture before the one that begins with this packet, and begins that.
func (d *mjpeg) finish(pkt *rtp.Packet, h jpegHeader, data []byte, received time.Time) error {
	var err error
	if d.open {
		d.markers.ended(d.marked, true)
		err = d.deliver()
	}
	d.begin(pkt, h, data, received)
	if e := d.end(pkt.Marker); err == nil {
		err = e
	}
	return err
}

// begin starts a picture with the packet of offset 0.
func (d *mjpeg) begin(pkt *rtp.Packet, h jpegHeader, data []byte, received time.Time) {
	d.open, d.bad, d.marked, d.marker, d.own = true, false, false, false, false
	d.ts, d.first = pkt.Timestamp, received
	d.buf.truncate(0)
	d.header = 0
	tables, rest, ok := d.quantTables(h.q, data)
	if !ok {
		d.fail(&d.stats.unsupported)
		return
	}
	if len(rest) >= 2 && rest[0] == 0xff && rest[1] == 0xd8 {
		// A whole JPEG file instead of entropy-coded data.
		d.own = true
		d.width, d.height, _ = jpegSize(rest[2:])
		d.append(rest, received)
		return
	}
	d.width, d.height = d.size(h, pkt)
	subsampling, ok := h.subsampling()
	if !ok || d.width == 0 || d.height == 0 {
		d.fail(&d.stats.unsupported)
		return
	}
	d.front = appendJPEGHeader(d.front[:0], d.width, d.height, subsampling, h.restart, tables)
	d.append(d.front, received)
	d.header = d.buf.len()
	d.append(rest, received)
}

// size returns the picture's size. The header counts in eight pixels up to 255;
// beyond, cameras send 0 or the low byte, and say the size elsewhere.
func (d *mjpeg) size(h jpegHeader, pkt *rtp.Packet) (w, ht int) {
	if pkt.Extension && pkt.ExtensionProfile == onvifJPEG {
		if w, ht, ok := jpegSize(pkt.GetExtension(0)); ok {
			d.bigW, d.bigH = w, ht
		}
	}
	return jpegSide(h.width, d.bigW, d.hintW), jpegSide(h.height, d.bigH, d.hintH)
}

func jpegSide(field uint8, extension, hint int) int {
	for _, side := range [2]int{extension, hint} {
		if side > 0 && side < 1<<16 && (field == 0 || uint8((side+7)/8) == field) { //nolint:gosec // the low byte is meant
			return side
		}
	}
	return int(field) * 8
}

func (d *mjpeg) append(data []byte, received time.Time) {
	if d.bad {
		return
	}
	if d.buf.len()+len(data)+2 > d.maxBytes {
		d.stats.oversized.Add(1)
		d.fail(&d.stats.tainted)
		return
	}
	if !d.buf.write(data) {
		d.noRoom()
		return
	}
	d.last = received
}

// end ends a packet, and the picture if the packet is the last.
func (d *mjpeg) end(marker bool) error {
	if !d.open {
		return nil
	}
	if d.marked = marker; marker && d.markers.trusted() {
		d.marker = true
		return d.deliver()
	}
	return nil
}

// fail gives the picture up. why is counted, and the picture once.
func (d *mjpeg) fail(why counter) {
	if why != &d.stats.tainted && !d.bad {
		why.Add(1)
	}
	if !d.bad {
		d.stats.tainted.Add(1)
	}
	d.open, d.bad, d.marked, d.marker = false, true, false, false
	d.buf.truncate(0)
	d.header = 0
}

// noRoom gives up a picture that there is no memory for.
func (d *mjpeg) noRoom() {
	d.stats.noMemory.Add(1)
	d.fail(&d.stats.tainted)
	d.buf.free()
}

func (d *mjpeg) lost() {
	if d.open {
		d.fail(&d.stats.tainted)
	}
	d.bad, d.marker = true, false
}

func (d *mjpeg) restart() {
	d.lost()
	d.tables = [256]*quantTables{}
	d.bigW, d.bigH = 0, 0
	d.markers.reset()
}

func (d *mjpeg) deliver() error {
	d.open = false
	data := d.buf.bytes()
	if tail := bytes.LastIndexByte(data, 0xff); tail < 0 || tail+1 >= len(data) || data[tail+1] != 0xd9 ||
		len(bytes.Trim(data[tail+2:], "\x00")) > 0 {
		if !d.buf.write([]byte{0xff, 0xd9}) {
			d.noRoom()
			return nil
		}
		data = d.buf.bytes()
	}
	defer func() { d.buf.next(d.buf.len()) }()
	if d.format == nil || d.format.Width != d.width || d.format.Height != d.height {
		d.format = &media.Format{
			Codec: media.CodecMJPEG,
			Width: d.width, Height: d.height, CodedWidth: d.width, CodedHeight: d.height,
			NoReorder: true,
		}
	}
	return d.out.send(&media.AccessUnit{
		Format: d.format, Data: data, RandomAccess: true, NonReference: true,
	}, d.ts, d.first, d.last)
}

// quantTables returns the tables for a Q value, and the data behind those that
// are in band.
func (d *mjpeg) quantTables(q uint8, data []byte) (t *quantTables, rest []byte, ok bool) {
	switch {
	case q >= 1 && q <= 99:
		if d.scaledQ != q {
			d.scaled.scale(int(q))
			d.scaledQ = q
		}
		return &d.scaled, data, true
	case q < 128 || len(data) < 4:
		return nil, nil, false
	}
	precision, n := data[1], int(binary.BigEndian.Uint16(data[2:]))
	data = data[4:]
	if n == 0 {
		t = d.tables[q]
		return t, data, t != nil && t.n > 0 && q != 255
	}
	if n > len(data) || n < 64 || precision&7 != 0 {
		return nil, nil, false // 16-bit tables are not baseline JPEG
	}
	if d.tables[q] == nil {
		d.tables[q] = &quantTables{}
	}
	d.tables[q].set(data[:n])
	return d.tables[q], data[n:], true
}
