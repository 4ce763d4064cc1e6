package rtpdepay

import "time"

// unit is the state of the access unit under assembly. Its bytes are in the
// assembler's buffer.
type unit struct {
	picture bool // has a slice; before that only NAL units of the prefix
	// tainted: something is missing or wrong. undecodable: no parameter sets.
	// drop: it won't be delivered whatever follows, so nothing is kept.
	tainted, undecodable, drop bool

	ts          uint32
	first, last time.Time // arrival of the first and last packet with a slice

	sets      *paramSet // the active SPS
	candidate bool      // may be a random-access point: parameter sets go in front
	random    bool      // is one
	recovery  bool      // by a recovery point, not by its type
	nonRef    bool
	leading   bool
	leads     bool
	marked    bool // the packet of its last slice had the marker bit
	// For pairs of fields, and for pictures shown before a recovery point.
	paired bool
	head   slice // the first slice
}

// secondField reports whether a first slice begins the other field of the frame
// whose first field u is (H.264 3.30, 3.31: complementary field pairs).
func (u *unit) secondField(s *slice) bool {
	h := &u.head
	return u.picture && !u.paired && h.detail && s.detail && h.field && s.field &&
		h.bottom != s.bottom && h.frameNum == s.frameNum && (!s.random || h.random)
}

// awaitsField reports whether the other field of the frame may still come.
func (u *unit) awaitsField() bool { return u.head.field && !u.paired }
