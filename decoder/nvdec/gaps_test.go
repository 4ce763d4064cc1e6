package nvdec

import "testing"

// slice begins a unit: first_mb 0, type 0, PPS 0 are one bit each, then 8 bits.
func slice(header byte, number int) []byte {
	return []byte{0, 0, 1, 9, 0x10, 0, 0, 1, header, 0xE0 | byte(number>>3), byte(number<<5) | 0x10}
}

func TestGap(t *testing.T) {
	const reference, other, idr = 0x41, 0x01, 0x65
	steps := []struct {
		header byte
		number int
		gap    bool
	}{
		{reference, 250, false}, // the first that is seen
		{reference, 251, false},
		{other, 252, false},
		{other, 252, false},
		{reference, 252, false},
		{reference, 252, false}, // the second field
		{reference, 254, true},
		{reference, 255, false},
		{reference, 0, false}, // around
		{other, 2, true},
		{reference, 2, true}, // it still has not come
		{idr, 0, false},
		{reference, 1, false},
	}
	var n frameNumbers
	for i, s := range steps {
		if got := n.gap(slice(s.header, s.number), 8); got != s.gap {
			t.Errorf("step %d, number %d: gap %v, want %v", i, s.number, got, s.gap)
		}
	}
	for _, broken := range [][]byte{nil, {0, 0, 1}, {0, 0, 1, 0x41}, {0, 0, 1, 0x41, 0, 0, 3, 0}} {
		if n.gap(broken, 8) {
			t.Errorf("%x has no number", broken)
		}
	}
}
