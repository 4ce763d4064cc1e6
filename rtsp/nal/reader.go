package nal

// reader takes bits from the payload of a NAL unit, leaving out emulation
// prevention bytes (H.264 7.4.1, H.265 7.4.2) as it goes. Past the end it
// returns zeros and sets bad.
type reader struct {
	data  []byte
	cur   byte
	left  int // bits of cur not read yet
	zeros int // zero bytes just read
	bad   bool
}

func newReader(b []byte) reader { return reader{data: b} }

func (r *reader) bit() uint32 {
	if r.left == 0 && !r.fill() {
		return 0
	}
	r.left--
	return uint32(r.cur>>r.left) & 1
}

func (r *reader) fill() bool {
	if len(r.data) > 0 && r.zeros >= 2 && r.data[0] == 3 {
		r.data, r.zeros = r.data[1:], 0
	}
	if len(r.data) == 0 {
		r.bad = true
		return false
	}
	r.cur, r.data, r.left = r.data[0], r.data[1:], 8
	if r.cur == 0 {
		r.zeros++
	} else {
		r.zeros = 0
	}
	return true
}

// u reads n bits, at most 32, most significant first.
func (r *reader) u(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

func (r *reader) flag() bool { return r.bit() == 1 }

func (r *reader) skip(n int) {
	for range n {
		if r.bit(); r.bad {
			return
		}
	}
}

// ue reads an unsigned Exp-Golomb code (H.264 9.1).
func (r *reader) ue() uint32 {
	n := 0
	for !r.bad && r.bit() == 0 {
		if n++; n > 31 {
			r.bad = true
		}
	}
	if r.bad {
		return 0
	}
	return 1<<n - 1 + r.u(n)
}

// se reads a signed Exp-Golomb code (H.264 9.1.1).
func (r *reader) se() int32 {
	k := r.ue()
	if k&1 == 1 {
		return int32(k/2) + 1
	}
	return -int32(k / 2)
}
