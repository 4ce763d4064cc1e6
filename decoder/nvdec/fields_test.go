package nvdec_test

import (
	"slices"
	"testing"
	"time"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// TestFields: of a frame that is coded as two pictures both are decoded, though they
// come in one access unit.
func TestFields(t *testing.T) {
	for _, name := range []string{"in display order", "at once"} {
		t.Run(name, func(t *testing.T) { testFields(t, name == "at once") })
	}
}

func testFields(t *testing.T, atOnce bool) {
	_, options := open(t)
	parameters, units := fieldStream(4)
	d := newDecoder(t, decoder.Config{Camera: "door", Format: media.Format{
		Codec: media.CodecH264, Width: fieldWidth, Height: 2 * fieldHeight, Parameters: parameters, NoReorder: atOnce,
	}}, options)
	n := 0
	see := func(f *frame.Frame) error {
		pixels := download(t, f)
		for y := range f.Height {
			want := fieldLuma(n, y%2)
			row := pixels[y*f.Width:][:f.Width]
			if slices.Min(row) != want || slices.Max(row) != want {
				t.Fatalf("frame %d, row %d: luma %d to %d, want %d", n, y, slices.Min(row), slices.Max(row), want)
			}
		}
		if f.Corrupt {
			t.Errorf("frame %d is marked as damaged", n)
		}
		n++
		return nil
	}
	for i, data := range units {
		au := &media.AccessUnit{Data: data, RandomAccess: i == 0, Times: media.Times{PTS: time.Duration(i) * 40 * time.Millisecond}}
		if err := d.Decode(t.Context(), au, see); err != nil {
			t.Fatalf("unit %d: %v", i, err)
		}
	}
	if err := d.Drain(t.Context(), see); err != nil {
		t.Fatal(err)
	}
	if n != len(units) {
		t.Errorf("%d frames of %d units", n, len(units))
	}
}

const (
	fieldWidth, fieldHeight = 64, 16 // one row of macroblocks
	macroblock              = 16
)

// fieldLuma is the brightness of a field of the stream.
func fieldLuma(frame, parity int) byte { return byte(40 + 20*frame + 100*parity) }

// fieldStream writes frames of two intra fields each, without compression (I_PCM): what
// encoders at hand don't make.
func fieldStream(frames int) (parameters []byte, units [][]byte) {
	var sps, pps bitWriter
	sps.u(77, 8) // Main
	sps.u(0, 8)
	sps.u(30, 8)
	for _, v := range []int{0, 0, 2, 1} { // ID, 4 bits of frame_num, order type 2, one reference
		sps.ue(v)
	}
	sps.u(0, 1)
	sps.ue(fieldWidth/macroblock - 1)
	sps.ue(fieldHeight/macroblock - 1)
	sps.u(0b00100, 5) // fields and frames, not by macroblock; direct_8x8_inference; no crop, no VUI
	pps.ue(0)
	pps.ue(0)
	pps.u(0, 2)   // CAVLC
	for range 3 { // one slice group, one reference in either list
		pps.ue(0)
	}
	pps.u(0, 3)
	for range 3 { // quantisers, as signed codes of 0
		pps.ue(0)
	}
	pps.u(0b100, 3) // slices say how they are filtered
	parameters = slices.Concat(sps.nal(0x67), pps.nal(0x68))
	for n := range frames {
		first, second := byte(0x61), byte(0x61)
		if n == 0 {
			first = 0x65
		}
		units = append(units, slices.Concat(fieldSlice(first, n, 0), fieldSlice(second, n, 1)))
	}
	return parameters, units
}

func fieldSlice(header byte, frame, parity int) []byte {
	var w bitWriter
	w.ue(0)
	w.ue(7) // I
	w.ue(0)
	w.u(frame, 4)
	w.u(1, 1) // field_pic_flag
	w.u(parity, 1)
	if header == 0x65 {
		w.ue(0)
		w.u(0, 2)
	} else {
		w.u(0, 1)
	}
	w.ue(0)
	w.ue(1) // no deblocking
	for range fieldWidth / macroblock {
		w.ue(25) // I_PCM
		w.align()
		for range macroblock * macroblock {
			w.u(int(fieldLuma(frame, parity)), 8)
		}
		for range macroblock * macroblock / 2 {
			w.u(128, 8)
		}
	}
	return w.nal(header)
}

// bitWriter writes a bit stream as H.264 has it (7.2, 9.1).
type bitWriter struct {
	buf  []byte
	free int // bits of the last byte
}

func (w *bitWriter) u(v, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.free == 0 {
			w.buf, w.free = append(w.buf, 0), 8
		}
		w.free--
		w.buf[len(w.buf)-1] |= byte(v>>i&1) << w.free
	}
}

func (w *bitWriter) ue(v int) {
	n := 0
	for (v+1)>>n > 1 {
		n++
	}
	w.u(0, n)
	w.u(v+1, n+1)
}

func (w *bitWriter) align() { w.free = 0 }

// nal ends the payload, and keeps start codes out of it (7.4.1).
func (w *bitWriter) nal(header byte) []byte {
	w.u(1, 1)
	out := []byte{0, 0, 0, 1, header}
	zeros := 0
	for _, b := range w.buf {
		if zeros == 2 && b <= 3 {
			out, zeros = append(out, 3), 0
		}
		zeros++
		if b != 0 {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}
