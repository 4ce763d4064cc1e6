package rtpdepay

// bitWriter makes parameter sets and slice headers for tests.
type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) u(bits int, v uint32) *bitWriter {
	for i := bits - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
	return w
}

func (w *bitWriter) ue(v uint32) *bitWriter {
	n := 0
	for (v+1)>>(n+1) != 0 {
		n++
	}
	return w.u(n, 0).u(n+1, v+1)
}

// nal ends the unit (rbsp_trailing_bits) and protects it against start codes.
func (w *bitWriter) nal(header ...byte) []byte {
	w.u(1, 1)
	out := header
	zeros := 0
	for _, c := range w.b {
		if zeros >= 2 && c <= 3 {
			out, zeros = append(out, 3), 0
		}
		out = append(out, c)
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// paffSPS is a main-profile SPS of 720x576 that allows field pictures.
func paffSPS() []byte {
	w := &bitWriter{}
	w.u(8, 77).u(8, 0).u(8, 30)
	w.ue(0).ue(0).ue(2).ue(1).u(1, 0) // id, frame_num 4 bits, POC type 2, one reference
	w.ue(44).ue(17)                   // 45 x 18 map units
	w.u(1, 0).u(1, 0).u(1, 1)         // fields, no MBAFF, direct 8x8
	w.u(1, 0).u(1, 0)                 // no cropping, no VUI
	return w.nal(0x67)
}

func simplePPS(id uint32, extra uint32) []byte {
	w := &bitWriter{}
	w.ue(id).ue(0).u(1, 0).u(1, 0).ue(0).ue(0).ue(0).u(1, 0).u(2, 0).ue(0).ue(0).ue(extra).u(3, 0)
	return w.nal(0x68)
}

// field is a slice of a field picture of paffSPS.
func field(idr bool, frameNum uint32, bottom uint32, firstMB uint32, fill byte) []byte {
	w := &bitWriter{}
	kind, header := uint32(5), byte(0x41)
	if idr {
		kind, header = 7, 0x65
	}
	w.ue(firstMB).ue(kind).ue(0).u(4, frameNum).u(1, 1).u(1, bottom)
	if idr {
		w.ue(0)
	}
	for range 30 {
		w.u(8, uint32(fill))
	}
	return w.nal(header)
}
