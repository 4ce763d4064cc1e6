package rtpdepay

import (
	"time"

	"github.com/frameport/frameport/rtsp/nal"
)

// Note: [Access unit boundaries]
//
// A picture begins with the slice that says so (first_mb_in_slice 0,
// first_slice_segment_in_pic_flag 1). SEI and parameter sets that come after
// slices may belong to the next picture, or an encoder put them in the middle of
// one: they are kept as a possible prefix until the next slice decides. RTP
// timestamps decide nothing, because cameras change them within pictures and
// repeat them between; marker bits only close a unit early, see [Marker bits].
// The two fields of an interlaced H.264 frame make one unit, the first field
// first, so that a unit is always a frame.

// prefixNAL is a NAL unit of the prefix in the buffer, start code included.
type prefixNAL struct {
	from, to int
	class    class
	recovery bool
}

// assembler makes access units of NAL units. Payload formats drive it: packet,
// then any of whole, begin, more, end, taint, then finish.
type assembler struct {
	syn      syntax
	maxBytes int
	maxNALUs int
	out      *output
	stats    *counters

	buf    buffer
	cur    unit
	nals   int // NAL units in the buffer or dropped with the current unit
	store  paramStore
	format formats
	ended  []byte // format.front behind an end of sequence

	// The possible prefix of the next picture: from where, or -1, and its units.
	prefixAt int
	prefix   []prefixNAL

	// The NAL unit that is being written.
	open    bool // between begin and end
	started bool // its header has been acted upon
	keep    bool // it goes to the buffer
	pieces  bool // it comes in fragments, so others may hide in it
	class   class
	header  [2]byte
	small   [minSliceHead]byte // its first bytes while too few to act upon
	smallN  int
	nalAt   int

	// The packet it is in.
	ts       uint32
	received time.Time

	waiting   bool // for a random-access point
	afterHole bool // something before the next picture is missing
	byMarker  bool // the last picture was closed by its marker
	markers   markers
	leads     leadSkipper
	gradual   gradual
	usual     usualSets
	err       error
}

func newAssembler(syn syntax, cfg *Config, out *output, stats *counters) *assembler {
	a := &assembler{
		syn: syn, maxBytes: cfg.MaxBytes, maxNALUs: cfg.MaxNALUs, out: out, stats: stats,
		prefixAt: -1, waiting: true, format: formats{codec: cfg.Codec}, buf: buffer{room: cfg.room},
	}
	for _, value := range cfg.ParameterSets {
		for unit, rest := nal.Next(value); len(unit) > 0; unit, rest = nal.Next(rest) {
			a.learn(unit)
		}
	}
	return a
}

// packet announces the packet whose content follows.
func (a *assembler) packet(ts uint32, received time.Time) { a.ts, a.received = ts, received }

// slice acts upon the header of a slice, which may begin a picture, and reports
// whether it could be read.
func (a *assembler) slice(header, body []byte) bool {
	s, ok := a.syn.slice(header, body)
	if !ok {
		a.malformed()
		return false
	}
	begins := s.first
	if begins && a.cur.picture && a.cur.awaitsField() {
		s = a.complete(s, header, body)
		if a.cur.secondField(&s) {
			a.cur.paired, begins = true, false
		}
	}
	switch {
	case begins:
		if a.cur.picture {
			if !a.cur.tainted {
				a.markers.ended(a.cur.marked, a.cur.random)
			}
			a.deliver()
		}
		a.openPicture(s, header, body)
	case !a.cur.picture:
		a.orphan(s, header, body)
	default:
		a.joinPicture(&s)
	}
	a.cur.marked = false
	a.keep = !a.cur.drop
	return true
}

// orphan takes a slice whose picture's beginning is not there: lost, or already
// delivered because a marker lied.
func (a *assembler) orphan(s slice, header, body []byte) {
	if a.byMarker && !a.afterHole {
		a.markers.lied(a.stats)
	}
	a.openPicture(s, header, body)
	a.taint()
}

// joinPicture takes another slice of the same picture.
func (a *assembler) joinPicture(s *slice) {
	if a.cur.marked && !a.cur.paired {
		a.markers.lied(a.stats)
	}
	// What looked like the next picture's prefix stood in the middle of this one.
	for _, p := range a.prefix {
		if p.class == classSet {
			a.learn(a.buf.bytes()[p.from+len(nal.StartCode) : p.to])
		}
	}
	a.prefix, a.prefixAt = a.prefix[:0], -1
	a.cur.nonRef = a.cur.nonRef && s.nonRef
	if a.cur.recovery && !s.intra && !a.cur.paired && !a.gradual.is() {
		a.cur.random = false
	}
}

// finish ends the packet. It returns what emit returned, if it ran.
func (a *assembler) finish(marker bool) error {
	if marker && !a.open && a.cur.picture && a.prefixAt < 0 {
		a.cur.marked = true
		if a.markers.trusted() && !a.cur.awaitsField() {
			a.deliver()
			a.byMarker = true
		}
	}
	err := a.err
	a.err = nil
	return err
}

// lost notes that packets are missing before the next one.
func (a *assembler) lost() { a.taint() }

// restart notes that another source takes over. The parameter sets stay: those
// of the SDP may be all there are.
func (a *assembler) restart() {
	a.taint()
	if a.cur.picture {
		a.stats.tainted.Add(1)
	}
	a.cur, a.byMarker = unit{}, false
	a.markers.reset()
	a.leads, a.gradual = leadSkipper{}, gradual{}
}

// expectsRest reports whether the continuation of a fragmented NAL unit makes
// sense here, if only because its beginning is known to be missing.
func (a *assembler) expectsRest() bool { return a.open || a.afterHole || a.cur.drop }

func (a *assembler) malformed() {
	a.stats.malformed.Add(1)
	a.taint()
}

func (a *assembler) oversized() {
	a.stats.oversized.Add(1)
	a.taint()
}

// noRoom gives up a unit that there is no memory for.
func (a *assembler) noRoom() {
	a.stats.noMemory.Add(1)
	a.taint()
	a.buf.free()
}

// taint notes that something is missing or wrong. What is in the buffer will
// never be delivered; the rest of the picture is passed over.
func (a *assembler) taint() {
	a.open, a.keep = false, false
	a.cur.tainted, a.cur.drop, a.cur.marked = a.cur.picture, a.cur.picture, false
	a.waiting, a.afterHole = true, true
	a.buf.truncate(0)
	a.prefix, a.prefixAt = a.prefix[:0], -1
	a.nals = 0
}
