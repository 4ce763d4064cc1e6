package rtpdepay

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/pion/rtp"

	"github.com/frameport/frameport/media"
)

// jpegParts is a JPEG file taken apart as a camera's packetiser does.
type jpegParts struct {
	width, height int
	factors       byte
	restart       uint16
	quant         []byte
	scan          []byte // with its EOI
}

func takeApart(t testing.TB, b []byte) (p jpegParts) {
	t.Helper()
	b = b[2:]
	tables := map[byte][]byte{}
	for {
		marker, n := b[1], int(binary.BigEndian.Uint16(b[2:]))
		seg := b[4 : 2+n]
		b = b[2+n:]
		switch marker {
		case 0xdb:
			for len(seg) >= 65 {
				tables[seg[0]] = seg[1:65]
				seg = seg[65:]
			}
		case 0xdd:
			p.restart = binary.BigEndian.Uint16(seg)
		case 0xc0:
			p.height, p.width, p.factors = int(binary.BigEndian.Uint16(seg[1:])), int(binary.BigEndian.Uint16(seg[3:])), seg[7]
		case 0xda:
			p.scan = b
			for i := range byte(len(tables)) {
				p.quant = append(p.quant, tables[i]...)
			}
			return p
		}
	}
}

// jpegPacker makes RFC 2435 packets.
type jpegPacker struct {
	packer
	kind    uint8 // overrides what the picture's sampling asks for, if not 0
	q       uint8
	noQuant bool // of a Q from 128 on: leave the tables out
	w8, h8  int  // overrides the size fields, if not 0; -1 writes 0
}

func (j *jpegPacker) picture(ts uint32, p jpegParts) (out []*rtp.Packet) {
	kind := uint8(1)
	if p.factors == 0x21 {
		kind = 0
	}
	if p.restart != 0 {
		kind += 64
	}
	if j.kind != 0 {
		kind = j.kind
	}
	w8, h8 := (p.width+7)/8, (p.height+7)/8
	if j.w8 != 0 {
		w8, h8 = max(0, j.w8), max(0, j.h8)
	}
	scan := p.scan
	for off := 0; off < len(scan); {
		b := []byte{0, byte(off >> 16), byte(off >> 8), byte(off), kind, j.q, byte(w8), byte(h8)}
		if kind >= 64 && kind < 128 {
			b = append(b, byte(p.restart>>8), byte(p.restart), 0xff, 0xff)
		}
		if off == 0 && j.q >= 128 {
			if j.noQuant {
				b = append(b, 0, 0, 0, 0)
			} else {
				b = append(b, 0, 0, byte(len(p.quant)>>8), byte(len(p.quant)))
				b = append(b, p.quant...)
			}
		}
		n := min(j.mtu, len(scan)-off)
		out = append(out, j.packet(ts, off+n == len(scan), append(b, scan[off:off+n]...)))
		off += n
	}
	return out
}

func testImage(w, h, seed int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{uint8(x*3 + seed*20), uint8(y * 2), uint8(x ^ y), 255})
		}
	}
	return img
}

func encode(t testing.TB, w, h, seed, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, testImage(w, h, seed), &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// samePixels compares decoded pictures exactly.
func samePixels(t testing.TB, got, want []byte) {
	t.Helper()
	a, err := jpeg.Decode(bytes.NewReader(got))
	if err != nil {
		t.Fatalf("not a JPEG picture: %v", err)
	}
	b, err := jpeg.Decode(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	x, y := a.(*image.YCbCr), b.(*image.YCbCr)
	if x.Rect != y.Rect || x.SubsampleRatio != y.SubsampleRatio {
		t.Fatalf("%v %v, want %v %v", x.Rect, x.SubsampleRatio, y.Rect, y.SubsampleRatio)
	}
	if !bytes.Equal(x.Y, y.Y) || !bytes.Equal(x.Cb, y.Cb) || !bytes.Equal(x.Cr, y.Cr) {
		t.Error("pixels differ")
	}
}

func mjpegStream(t testing.TB) *Stream { return newStream(t, Config{Codec: media.CodecMJPEG}) }

func TestMJPEGPictures(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	cases := map[string]struct {
		file []byte
		j    jpegPacker
		cfg  Config
	}{
		"tables in band":            {file: encode(t, 160, 96, 1, 80), j: jpegPacker{q: 255}},
		"tables in band, static":    {file: encode(t, 160, 96, 1, 80), j: jpegPacker{q: 200}},
		"restart markers, 4:2:0":    {file: read("jpeg_restart_420.jpg"), j: jpegPacker{q: 255}},
		"restart markers, 4:2:2":    {file: read("jpeg_restart_422.jpg"), j: jpegPacker{q: 255}},
		"2560 wide, from the SDP":   {file: encode(t, 2560, 64, 1, 50), j: jpegPacker{q: 255, w8: -1, h8: -1}, cfg: Config{Width: 2560, Height: 64}},
		"2592 wide, low byte":       {file: encode(t, 2592, 64, 1, 50), j: jpegPacker{q: 255, w8: 2592 / 8, h8: 8}, cfg: Config{Width: 2592, Height: 64}},
		"odd size, from the SDP":    {file: encode(t, 157, 91, 1, 50), j: jpegPacker{q: 255}, cfg: Config{Width: 157, Height: 91}},
		"SDP speaks of another one": {file: encode(t, 160, 96, 1, 50), j: jpegPacker{q: 255}, cfg: Config{Width: 640, Height: 480}},
		"small packets":             {file: encode(t, 160, 96, 1, 95), j: jpegPacker{q: 130, packer: packer{mtu: 33}}},
	}
	for name, c := range cases {
		for _, markers := range []string{"right", "none", "all"} {
			t.Run(name+"/"+markers, func(t *testing.T) {
				c.cfg.Codec = media.CodecMJPEG
				if c.j.mtu == 0 {
					c.j.mtu = 1000
				}
				parts := takeApart(t, c.file)
				var pkts []*rtp.Packet
				for i := range uint32(6) {
					pkts = append(pkts, c.j.picture(i*tick, parts)...)
				}
				for _, p := range pkts {
					p.Marker = p.Marker && markers == "right" || markers == "all"
				}
				s := newStream(t, c.cfg)
				out := feed(t, s, pkts)
				if len(out.units) < 5 || s.Stats().DroppedUnits != 0 {
					t.Fatalf("%d pictures, %+v", len(out.units), s.Stats())
				}
				for _, u := range out.units {
					samePixels(t, u.Data, c.file)
					f := u.Format
					if f != out.units[0].Format || f.Width != parts.width || f.Height != parts.height || f.CodedWidth != f.Width {
						t.Errorf("format %+v", f)
					}
					if !u.RandomAccess || !u.NonReference {
						t.Error("flags of a picture that stands alone")
					}
				}
			})
		}
	}
}

// Tables of a Q below 100 are those of the RFC's formula, which is libjpeg's.
func TestMJPEGQualityTables(t *testing.T) {
	for _, q := range []int{1, 10, 49, 50, 75, 99} {
		file := encode(t, 64, 48, 3, q)
		parts := takeApart(t, file)
		j := jpegPacker{q: uint8(q), packer: packer{mtu: 500}}
		out := feed(t, mjpegStream(t), append(j.picture(0, parts), j.picture(tick, parts)...))
		if len(out.units) != 1 {
			t.Fatalf("Q %d: %d pictures", q, len(out.units))
		}
		if have := takeApart(t, out.units[0].Data); !bytes.Equal(have.quant, parts.quant) {
			t.Errorf("Q %d: tables % x, want % x", q, have.quant, parts.quant)
		}
		samePixels(t, out.units[0].Data, file)
	}
}

// Tables of a static Q are sent once; those of Q 255 with every picture.
func TestMJPEGCachedTables(t *testing.T) {
	a, b := encode(t, 64, 48, 3, 60), encode(t, 64, 48, 4, 90)
	pa, pb := takeApart(t, a), takeApart(t, b)
	j := jpegPacker{q: 140, packer: packer{mtu: 500}}
	k := jpegPacker{q: 141, packer: packer{mtu: 500}}
	var pkts []*rtp.Packet
	pkts = append(pkts, j.picture(0, pa)...)
	k.seq = j.seq
	pkts = append(pkts, k.picture(1*tick, pb)...)
	j.noQuant, k.noQuant = true, true
	j.seq = k.seq
	pkts = append(pkts, j.picture(2*tick, pa)...)
	k.seq = j.seq
	pkts = append(pkts, k.picture(3*tick, pb)...)
	k.q = 255
	pkts = append(pkts, k.picture(4*tick, pb)...)
	s := mjpegStream(t)
	out := feed(t, s, pkts)
	if len(out.units) != 4 || s.Stats().Unsupported != 1 {
		t.Fatalf("%d pictures, %+v", len(out.units), s.Stats())
	}
	for i, want := range [][]byte{a, b, a, b} {
		samePixels(t, out.units[i].Data, want)
	}
}

// 192 bytes of tables: a third one for the second chroma component
// (v4l2rtspserver); 64 bytes: one for all.
func TestMJPEGThreeTablesAndOne(t *testing.T) {
	file := encode(t, 64, 48, 3, 60)
	parts := takeApart(t, file)
	parts.quant = append(bytes.Clone(parts.quant), parts.quant[64:128]...)
	j := jpegPacker{q: 255, packer: packer{mtu: 500}}
	out := feed(t, mjpegStream(t), append(j.picture(0, parts), j.picture(tick, parts)...))
	samePixels(t, out.units[0].Data, file)

	parts.quant = parts.quant[:64]
	out = feed(t, mjpegStream(t), append(j.picture(0, parts), j.picture(tick, parts)...))
	img, err := jpeg.Decode(bytes.NewReader(out.units[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	want, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(img.(*image.YCbCr).Y, want.(*image.YCbCr).Y) {
		t.Error("luma differs")
	}
}

// ONVIF devices say the size of big pictures in a header extension.
func TestMJPEGSizeFromONVIFExtension(t *testing.T) {
	file := encode(t, 2304, 48, 3, 60)
	j := jpegPacker{q: 255, w8: -1, h8: -1, packer: packer{mtu: 1000}}
	var pkts []*rtp.Packet
	for i := range uint32(3) {
		pkts = append(pkts, j.picture(i*tick, takeApart(t, file))...)
	}
	ext := []byte{0xff, 0xc0, 0, 17, 8, 0, 48, 2304 >> 8, 2304 & 0xff, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1, 0xff}
	pkts[0].Extension, pkts[0].ExtensionProfile = true, onvifJPEG
	if err := pkts[0].SetExtension(0, ext); err != nil {
		t.Fatal(err)
	}
	out := feed(t, mjpegStream(t), pkts)
	if len(out.units) != 2 {
		t.Fatalf("%d pictures", len(out.units))
	}
	for _, u := range out.units {
		samePixels(t, u.Data, file)
	}
}

// Cameras that send a JPEG file in the payload.
func TestMJPEGWholeFileInPayload(t *testing.T) {
	file := encode(t, 64, 48, 3, 60)
	parts := takeApart(t, file)
	parts.scan = file
	j := jpegPacker{q: 60, packer: packer{mtu: 1000}}
	out := feed(t, mjpegStream(t), append(j.picture(0, parts), j.picture(tick, parts)...))
	if len(out.units) != 1 || out.units[0].Format.Width != 64 {
		t.Fatalf("%d pictures", len(out.units))
	}
	samePixels(t, out.units[0].Data, file)
}

func TestMJPEGMissingEnd(t *testing.T) {
	file := encode(t, 64, 48, 3, 60)
	parts := takeApart(t, file)
	for name, scan := range map[string][]byte{
		"no EOI": parts.scan[:len(parts.scan)-2], "zeros after EOI": append(bytes.Clone(parts.scan), 0, 0, 0),
	} {
		parts.scan = scan
		j := jpegPacker{q: 60, packer: packer{mtu: 200}}
		out := feed(t, mjpegStream(t), append(j.picture(0, parts), j.picture(tick, parts)...))
		t.Run(name, func(t *testing.T) { samePixels(t, out.units[0].Data, file) })
	}
}

func TestMJPEGRefused(t *testing.T) {
	parts := takeApart(t, encode(t, 64, 48, 3, 60))
	for name, change := range map[string]func(b []byte){
		"16-bit tables":  func(b []byte) { b[9] = 1 },
		"reserved Q":     func(b []byte) { b[5] = 110 },
		"Q of 0":         func(b []byte) { b[5] = 0 },
		"reserved type":  func(b []byte) { b[4] = 2 },
		"dynamic type":   func(b []byte) { b[4] = 129 },
		"no size":        func(b []byte) { b[6], b[7] = 0, 0 },
		"tables too big": func(b []byte) { b[10] = 0xff },
	} {
		j := jpegPacker{q: 255, packer: packer{mtu: 100}}
		var pkts []*rtp.Packet
		for i := range uint32(3) {
			one := j.picture(i*tick, parts)
			if i == 1 {
				change(one[0].Payload)
			}
			pkts = append(pkts, one...)
		}
		s := mjpegStream(t)
		out := feed(t, s, pkts)
		if st := s.Stats(); len(out.units) != 1 || st.Unsupported != 1 || st.Tainted != 1 {
			t.Errorf("%s: %d pictures, %+v", name, len(out.units), st)
		}
	}
}

// Under loss every picture that comes out is one that went in.
func TestMJPEGNoDamagedPicture(t *testing.T) {
	var files [][]byte
	for i := range 12 {
		files = append(files, encode(t, 96, 64, i, 40+5*i))
	}
	delivered := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		j := jpegPacker{q: 255, packer: packer{mtu: 50 + rng.IntN(600)}}
		var pkts []*rtp.Packet
		for i := range uint32(48) {
			pkts = append(pkts, j.picture(i*tick, takeApart(t, files[i%12]))...)
		}
		f := fault{loss: 0.02, burst: 4, dup: 0.02, swap: 0.01 * float64(seed%2)}
		out := feed(t, mjpegStream(t), f.apply(rng, pkts))
		for _, u := range out.units {
			have := takeApart(t, u.Data)
			found := false
			for _, f := range files {
				want := takeApart(t, f)
				found = found || bytes.Equal(have.scan, want.scan) && bytes.Equal(have.quant, want.quant)
			}
			if !found {
				t.Fatalf("seed %d: a picture that never went in", seed)
			}
		}
		delivered += len(out.units)
	}
	if delivered < 60*48/3 {
		t.Errorf("%d pictures of %d", delivered, 60*48)
	}
}

func TestMJPEGLimit(t *testing.T) {
	parts := takeApart(t, encode(t, 160, 96, 3, 95))
	j := jpegPacker{q: 255, packer: packer{mtu: 500}}
	s := newStream(t, Config{Codec: media.CodecMJPEG, MaxBytes: 2000})
	out := feed(t, s, append(j.picture(0, parts), j.picture(tick, parts)...))
	if st := s.Stats(); len(out.units) != 0 || st.Oversized != 2 || st.Tainted != 2 {
		t.Errorf("%d pictures, %+v", len(out.units), st)
	}
}
