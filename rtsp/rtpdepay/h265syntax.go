package rtpdepay

import "github.com/frameport/frameport/rtsp/nal"

// h265Syntax is the NAL unit syntax of H.265 7.3.
type h265Syntax struct{}

func (h265Syntax) headerLen() int { return 2 }

func (h265Syntax) classify(header []byte) class {
	if header[0]&1 != 0 || header[1]>>3 != 0 {
		return classNone // a layer above the base
	}
	switch t := nal.TypeOfH265(header[0]); {
	case t.VCL():
		return classSlice
	case t >= nal.H265VPS && t <= nal.H265PPS:
		return classSet
	case t == nal.H265SEIPrefix, t == nal.H265EndOfSeq, t == nal.H265EndOfStrm:
		return classPrefix
	case t == nal.H265SEISuffix:
		return classSuffix
	case t >= 48:
		return classPrivate
	default:
		return classNone // delimiter, filler, reserved
	}
}

func (h265Syntax) set(b []byte) (paramSet, bool) {
	switch nal.TypeOfH265(b[0]) {
	case nal.H265VPS:
		id, ok := nal.ParseH265VPS(b)
		return paramSet{kind: vps, id: id, bytes: b}, ok
	case nal.H265SPS:
		s, ok := nal.ParseH265SPS(b)
		return paramSet{
			kind: sps, id: s.ID, ref: s.VPS, bytes: b, readable: s.Readable, size: s.Size, noReorder: s.NoReorder, h265: s,
		}, ok
	default:
		id, ref, ok := nal.ParseH265PPS(b)
		return paramSet{kind: pps, id: id, ref: ref, bytes: b}, ok
	}
}

func (h265Syntax) slice(header, body []byte) (slice, bool) {
	t := nal.TypeOfH265(header[0])
	s, ok := nal.ParseH265Slice(t, body)
	return slice{
		first:   s.First,
		pps:     s.PPS,
		random:  t.IRAP(),
		intra:   t.IRAP(),
		leads:   t.IRAP() && t != nal.H265IDRNLP,
		leading: t.Leading(),
		// A decoder that is not told of the break gives such a picture an order
		// count that may collide with one before the hole.
		continues: t == nal.H265CRA,
	}, ok
}

// complete finds out whether other pictures may refer to this one. Those of the
// same sub-layer don't if its type says so; there must be no higher one either.
func (h265Syntax) complete(s slice, header, _ []byte, set *paramSet) slice {
	temporalID := header[1]&7 - 1
	s.nonRef = nal.TypeOfH265(header[0]).SubLayerNonReference() && temporalID == set.h265.MaxTemporalID
	return s
}

func (h265Syntax) recoveryPoint([]byte) bool { return false }
