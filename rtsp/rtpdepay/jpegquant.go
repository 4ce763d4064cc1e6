package rtpdepay

// quantTables are up to three 8-bit quantization tables in zigzag order: luma,
// chroma, and for the few cameras that send 192 bytes one for the second chroma
// component.
type quantTables struct {
	n      int
	values [3][64]byte
}

// set takes the tables from a packet: 64, 128 or 192 bytes.
func (t *quantTables) set(b []byte) {
	t.n = min(3, len(b)/64)
	for i := range t.n {
		copy(t.values[i][:], b[64*i:])
	}
}

// scale computes the tables of a Q from 1 to 99 (RFC 2435 4.2, appendix A).
func (t *quantTables) scale(q int) {
	factor := 200 - 2*q
	if q < 50 {
		factor = 5000 / q
	}
	t.n = 2
	base := [2][64]byte{{ // ITU-T T.81, K.1 and K.2
		16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40,
		26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
		56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
		95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
	}, {
		17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	}}
	for i, table := range base {
		for j, v := range table {
			t.values[i][j] = byte(max(1, min(255, (int(v)*factor+50)/100)))
		}
	}
}
