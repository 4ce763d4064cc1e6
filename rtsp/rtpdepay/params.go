package rtpdepay

import (
	"bytes"

	"github.com/frameport/frameport/rtsp/nal"
)

const (
	// maxSetBytes bounds one parameter set, maxSetsBytes all of a stream. Real
	// ones have tens of bytes, with scaling lists some hundreds.
	maxSetBytes  = 4 << 10
	maxSetsBytes = 64 << 10
)

// setKind is the kind of a parameter set, in the order of transmission.
type setKind uint8

const (
	vps setKind = iota
	sps
	pps
)

// paramSet is one parameter set.
type paramSet struct {
	kind  setKind
	id    uint32
	ref   uint32 // pps: its SPS; sps of H.265: its VPS
	bytes []byte

	// What an SPS says, if it is readable; h264 and h265 by codec.
	readable  bool
	size      nal.Size
	noReorder bool
	h264      nal.H264SPSInfo
	h265      nal.H265SPSInfo
}

// paramStore holds the newest version of every parameter set.
type paramStore struct {
	sets  []*paramSet // a handful: searched from front to back
	bytes int
	// version counts changes.
	version uint64
}

func (p *paramStore) find(kind setKind, id uint32) *paramSet {
	for _, s := range p.sets {
		if s.kind == kind && s.id == id {
			return s
		}
	}
	return nil
}

// put stores a set, whose bytes it copies if they are new, and reports whether
// they differ from those of the set it replaces. ok is false when there is no room.
func (p *paramStore) put(s paramSet) (changed, ok bool) {
	old := p.find(s.kind, s.id)
	if old != nil && bytes.Equal(old.bytes, s.bytes) {
		return false, true
	}
	had := 0
	if old != nil {
		had = len(old.bytes)
	}
	if len(s.bytes) > maxSetBytes || p.bytes-had+len(s.bytes) > maxSetsBytes {
		return false, false
	}
	p.bytes += len(s.bytes) - had
	s.bytes = bytes.Clone(s.bytes)
	p.version++
	if old != nil {
		*old = s
		return true, true
	}
	p.sets = append(p.sets, &s)
	return true, true
}

// same returns the set with exactly these bytes, or nil.
func (p *paramStore) same(b []byte) *paramSet {
	for _, s := range p.sets {
		if bytes.Equal(s.bytes, b) {
			return s
		}
	}
	return nil
}

// active appends to dst, in Annex B form, an SPS and the VPS that it refers to.
// Sets of other identifiers are remains, or rubbish from the SDP.
func (p *paramStore) active(dst []byte, s *paramSet) []byte {
	if v := p.find(vps, s.ref); v != nil {
		dst = appendNAL(dst, v.bytes)
	}
	return appendNAL(dst, s.bytes)
}

// pictureSets appends every picture parameter set that refers to the SPS.
func (p *paramStore) pictureSets(dst []byte, id uint32) []byte {
	for _, s := range p.sets {
		if s.kind == pps && s.ref == id {
			dst = appendNAL(dst, s.bytes)
		}
	}
	return dst
}

func appendNAL(dst, b []byte) []byte {
	dst = append(dst, nal.StartCode...)
	return append(dst, b...)
}
