package rtpdepay

import (
	"bytes"

	"github.com/frameport/frameport/rtsp/nal"
)

// minSliceHead is how many bytes of a slice are awaited before its header is
// read; the fields that matter never take more.
const minSliceHead = 24

// whole takes a complete NAL unit, or several with start codes between them
// (Annex B inside of a payload: CostarHD, Tiandy, V380).
func (a *assembler) whole(b []byte) {
	for unit, rest := nal.Next(b); len(unit) > 0; unit, rest = nal.Next(rest) {
		n := a.syn.headerLen()
		if len(unit) < n {
			continue // a stray byte
		}
		a.begin(unit[:n])
		a.pieces = false
		a.more(unit[n:])
		a.close()
	}
}

// begin starts a NAL unit that comes in pieces. One that never saw its end ends
// here: no packet is missing, so all its bytes are there.
func (a *assembler) begin(header []byte) {
	a.end()
	a.open, a.started, a.keep, a.smallN, a.pieces = true, false, false, 0, true
	copy(a.header[:], header)
}

// more adds a piece to the NAL unit.
func (a *assembler) more(b []byte) {
	if !a.open || len(b) == 0 {
		return
	}
	if !a.started {
		if a.smallN == 0 && nal.HasStartCode(b) {
			// The header is repeated, in Annex B form, inside of the fragment.
			b = b[bytes.IndexByte(b, 1)+1:]
			n := a.syn.headerLen()
			if len(b) < n {
				a.malformed()
				return
			}
			copy(a.header[:], b[:n])
			b = b[n:]
		}
		if a.smallN > 0 || len(b) < minSliceHead {
			n := copy(a.small[a.smallN:], b)
			a.smallN += n
			if b = b[n:]; a.smallN < minSliceHead {
				return
			}
			a.startSmall()
		} else {
			a.start(b)
		}
	}
	a.write(b)
}

// end finishes the NAL unit, if there is one.
func (a *assembler) end() {
	if !a.open {
		return
	}
	a.startRest()
	var embedded []byte
	if a.keep {
		unit := a.buf.bytes()[a.nalAt+len(nal.StartCode):]
		if i := nal.IndexStartCode(unit); i >= 0 {
			// More NAL units follow in the same fragmentation unit (Anpviz).
			embedded = bytes.Clone(unit[i:])
			a.buf.truncate(a.nalAt + len(nal.StartCode) + i)
		}
	}
	a.close()
	if embedded != nil {
		a.whole(embedded)
	}
}

// close ends a NAL unit that holds no other.
func (a *assembler) close() {
	if !a.open {
		return
	}
	a.startRest()
	a.open = false
	if !a.keep {
		return
	}
	unit := a.buf.bytes()[a.nalAt:]
	a.buf.truncate(a.nalAt + len(nal.Trim(unit)))
	switch a.class {
	case classNone, classPrivate:
		a.buf.truncate(a.nalAt)
		return
	case classSlice, classSuffix:
		return
	case classSet, classPrefix:
	}
	unit = a.buf.bytes()[a.nalAt:]
	p := prefixNAL{from: a.nalAt, to: a.buf.len(), class: a.class}
	if a.class == classPrefix {
		p.recovery = a.syn.recoveryPoint(unit[len(nal.StartCode):])
	}
	a.prefix = append(a.prefix, p)
}

// startSmall acts upon the first bytes that were collected in small.
func (a *assembler) startSmall() {
	b := a.small[:a.smallN]
	a.start(b)
	a.write(b)
}

func (a *assembler) startRest() {
	if !a.started {
		a.startSmall()
	}
}

func (a *assembler) write(b []byte) {
	if !a.keep {
		return
	}
	limit := a.maxBytes
	if a.cur.candidate {
		limit -= len(endOfSequence) + len(a.format.front)
	}
	if a.buf.len()+len(b) > limit {
		a.oversized()
		return
	}
	if !a.buf.write(b) {
		a.noRoom()
		return
	}
	if a.class == classSlice {
		a.cur.last = a.received
	}
}

// start acts upon the header of a NAL unit, of which b is known so far.
func (a *assembler) start(b []byte) {
	a.started = true
	header := a.header[:a.syn.headerLen()]
	a.class = a.syn.classify(header)
	switch a.class {
	case classNone, classPrivate:
		if a.class == classPrivate {
			a.stats.ignored.Add(1)
		}
		if a.keep = a.pieces; !a.keep {
			return
		}
	case classSlice:
		if !a.slice(header, b) {
			return
		}
	case classSuffix:
		if a.keep = a.cur.picture && !a.cur.drop; !a.keep {
			return
		}
	default:
		if a.cur.picture && a.prefixAt < 0 {
			a.prefixAt = a.buf.len()
		}
		a.keep = true
	}
	if !a.keep {
		return
	}
	if a.nals++; a.nals > a.maxNALUs {
		a.oversized()
		return
	}
	a.nalAt = a.buf.len()
	if !a.buf.write([]byte(nal.StartCode)) || !a.buf.write(header) {
		a.noRoom()
	}
}
