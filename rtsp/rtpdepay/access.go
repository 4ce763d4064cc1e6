package rtpdepay

import "github.com/frameport/frameport/rtsp/nal"

// Note: [Random access]
//
// Decoding begins at an IDR picture, at CRA and BLA pictures (H.265), or at an
// intra picture with a recovery point message (H.264 D.2.8). After such a start
// the pictures that are shown before it but decoded after it are left out: they
// refer to what was not received, or would have a time before the first.
//
// A CRA picture that ends a wait gets an end of sequence unit in front: else the
// decoder, which knows nothing of the hole, would count its order on from before.
//
// Streams with intra refresh have none of these, only recovery points at
// predicted pictures. From the second one without an IDR picture between on they
// count as random access; the decoder then shows nothing until the picture is
// whole, as FFmpeg does.

// endOfSequence is the end of sequence NAL unit of H.265 (7.3.2.6).
const endOfSequence = nal.StartCode + "\x48\x01"

// gradual recognises intra refresh.
type gradual struct{ points int }

func (g *gradual) idr()     { g.points = 0 }
func (g *gradual) point()   { g.points++ }
func (g *gradual) is() bool { return g.points >= 2 }

// leadSkipper leaves out the leading pictures of the random-access point at
// which delivery began.
type leadSkipper struct {
	active bool
	poc    uint32 // of that point, if bits > 0 (H.264)
	bits   int
}

// after notes that u is being delivered, as the first one after a wait if start.
func (l *leadSkipper) after(u *unit, start bool) {
	switch {
	case start && u.recovery && u.head.detail:
		*l = leadSkipper{active: u.head.pocBits > 0, poc: u.head.poc, bits: u.head.pocBits}
	case start:
		*l = leadSkipper{active: u.leads}
	case u.random:
		*l = leadSkipper{}
	}
}

// skips reports whether the picture that begins with s is to be left out.
func (l *leadSkipper) skips(s *slice) bool {
	if !l.active || s.random {
		return false
	}
	if l.bits == 0 {
		l.active = s.leading
		return s.leading
	}
	if !s.detail || s.pocBits != l.bits {
		l.active = false
		return false
	}
	// Picture order counts wrap: the sign of the distance decides (8.2.1.1).
	shift := 32 - l.bits
	distance := int32((s.poc-l.poc)<<shift) >> shift
	// The other field of the same frame is one apart.
	l.active = distance <= 1
	return distance < 0
}

// setMask is a set of parameter set kinds.
type setMask uint8

func maskOf(k setKind) setMask { return 1 << k }

// usualSets knows which parameter sets a stream sends before each random-access
// point. When a hole is right before such a point and some of them are not
// there, the hole may have held new ones.
type usualSets struct {
	known bool
	mask  setMask
}

// allow reports whether a random-access point preceded by these sets can be trusted.
func (u *usualSets) allow(seen setMask, afterHole bool) bool {
	if afterHole {
		return !u.known || u.mask&^seen == 0
	}
	if !u.known {
		u.known, u.mask = true, seen
	}
	u.mask &= seen
	return true
}
