package rtpdepay

import "github.com/frameport/frameport/rtsp/nal"

// h264Syntax is the NAL unit syntax of H.264 7.3.
type h264Syntax struct{}

func (h264Syntax) headerLen() int { return 1 }

func (h264Syntax) classify(header []byte) class {
	switch t := nal.TypeOfH264(header[0]); t {
	case nal.H264Slice, nal.H264PartA, nal.H264IDR:
		return classSlice
	case nal.H264PartB, nal.H264PartC:
		return classSuffix
	case nal.H264SPS, nal.H264PPS:
		return classSet
	case nal.H264SEI, nal.H264EndOfSeq, nal.H264EndOfStrm:
		return classPrefix
	default:
		// Delimiters, filler, and layers that are not decoded here (12 to 23) are
		// part of good streams; the rest is private.
		if t >= 9 && t <= 23 {
			return classNone
		}
		return classPrivate
	}
}

func (h264Syntax) set(b []byte) (paramSet, bool) {
	if nal.TypeOfH264(b[0]) == nal.H264SPS {
		s, ok := nal.ParseH264SPS(b)
		return paramSet{
			kind: sps, id: s.ID, bytes: b, readable: s.Readable, size: s.Size, noReorder: s.NoReorder, h264: s,
		}, ok
	}
	id, ref, ok := nal.ParseH264PPS(b)
	return paramSet{kind: pps, id: id, ref: ref, bytes: b}, ok
}

func (h264Syntax) slice(header, body []byte) (slice, bool) {
	s, ok := nal.ParseH264Slice(body)
	return slice{
		first:  s.FirstMB == 0,
		pps:    s.PPS,
		random: nal.TypeOfH264(header[0]) == nal.H264IDR,
		intra:  s.Intra,
		nonRef: header[0]&0x60 == 0, // nal_ref_idc
	}, ok
}

func (h264Syntax) complete(s slice, header, body []byte, set *paramSet) slice {
	var d nal.H264SliceInfo
	d.Complete(body, header[0], &set.h264)
	s.detail, s.field, s.bottom = d.Detail, d.Field, d.Bottom
	s.frameNum, s.poc, s.pocBits = d.FrameNum, d.POCLsb, set.h264.POCLsbBits
	return s
}

func (h264Syntax) recoveryPoint(unit []byte) bool { return nal.H264HasRecoveryPoint(unit) }
