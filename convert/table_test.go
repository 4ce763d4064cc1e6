package convert_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/media"
)

func color(m media.Matrix, r media.Range) media.Color { return media.Color{Matrix: m, Range: r} }

// TestRGBTable compares with coefficients that were worked out by hand from
// Kr and Kb.
func TestRGBTable(t *testing.T) {
	tests := map[media.Color]convert.RGBTable{
		color(media.MatrixBT601, media.RangeLimited): {
			R: [4]int32{76309, 0, 104597, -14609388}, G: [4]int32{76309, -25675, -53279, 8885063}, B: [4]int32{76309, 132201, 0, -18142714},
		},
		color(media.MatrixBT601, media.RangeFull): {
			R: [4]int32{65536, 0, 91881, -11760828}, G: [4]int32{65536, -22553, -46802, 8877434}, B: [4]int32{65536, 116130, 0, -14864613},
		},
		color(media.MatrixBT709, media.RangeLimited): {
			R: [4]int32{76309, 0, 117489, -16259547}, G: [4]int32{76309, -13975, -34925, 5038282}, B: [4]int32{76309, 138438, 0, -18941055},
		},
		color(media.MatrixBT709, media.RangeFull): {
			R: [4]int32{65536, 0, 103206, -13210380}, G: [4]int32{65536, -12276, -30679, 5498301}, B: [4]int32{65536, 121609, 0, -15565901},
		},
		color(media.MatrixBT2020, media.RangeLimited): {
			R: [4]int32{76309, 0, 110014, -15302684}, G: [4]int32{76309, -12277, -42626, 5806615}, B: [4]int32{76309, 140363, 0, -19187433},
		},
		color(media.MatrixBT2020, media.RangeFull): {
			R: [4]int32{65536, 0, 96639, -12369841}, G: [4]int32{65536, -10784, -37444, 6173229}, B: [4]int32{65536, 123299, 0, -15782327},
		},
	}
	for c, want := range tests {
		if got := convert.NewRGBTable(c); got != want {
			t.Errorf("%v %v: %+v, want %+v", c.Matrix, c.Range, got, want)
		}
	}
}

// TestJFIFTable is the same for the pass in front of a JPEG encoder.
func TestJFIFTable(t *testing.T) {
	tests := map[media.Color]convert.YCCTable{
		color(media.MatrixBT601, media.RangeLimited): {
			Y: [3]int32{76309, 0, 0}, Cb: [2]int32{74606, 0}, Cr: [2]int32{0, 74606}, OffsetIn: 16,
		},
		color(media.MatrixBT709, media.RangeLimited): {
			Y: [3]int32{76309, 7578, 14628}, Cb: [2]int32{73849, -8255}, Cr: [2]int32{-5405, 73367}, OffsetIn: 16,
		},
		color(media.MatrixBT709, media.RangeFull): {
			Y: [3]int32{65536, 6657, 12850}, Cb: [2]int32{64871, -7252}, Cr: [2]int32{-4748, 64448},
		},
		color(media.MatrixBT2020, media.RangeLimited): {
			Y: [3]int32{76309, 8795, 7872}, Cb: [2]int32{74248, -4443}, Cr: [2]int32{-6273, 72854}, OffsetIn: 16,
		},
		color(media.MatrixBT2020, media.RangeFull): {
			Y: [3]int32{65536, 7726, 6915}, Cb: [2]int32{65222, -3903}, Cr: [2]int32{-5511, 63997},
		},
	}
	for c, want := range tests {
		if got := convert.NewYCCTable(c, media.JFIF()); got != want {
			t.Errorf("%v %v: %+v, want %+v", c.Matrix, c.Range, got, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	for _, m := range []media.Matrix{media.MatrixBT601, media.MatrixBT709, media.MatrixBT2020} {
		for _, r := range []media.Range{media.RangeLimited, media.RangeFull} {
			if table := convert.NewYCCTable(color(m, r), color(m, r)); !table.Identity() {
				t.Errorf("%v %v to itself is %+v", m, r, table)
			}
		}
	}
	if convert.NewYCCTable(color(media.MatrixBT709, media.RangeLimited), media.JFIF()).Identity() {
		t.Error("BT.709 to JFIF counts as the identity")
	}
}

// TestPrimaries converts the codes that the standards give for pure colours.
func TestPrimaries(t *testing.T) {
	type pixel struct{ y, cb, cr, r, g, b uint8 }
	tests := map[media.Color][]pixel{
		color(media.MatrixBT709, media.RangeLimited): {
			{235, 128, 128, 255, 255, 255},
			{16, 128, 128, 0, 0, 0},
			{63, 102, 240, 255, 0, 0},
			{173, 42, 26, 0, 255, 0},
			{32, 240, 118, 0, 0, 255},
		},
		color(media.MatrixBT601, media.RangeFull): {
			{255, 128, 128, 255, 255, 255},
			{0, 128, 128, 0, 0, 0},
			{76, 85, 255, 255, 0, 0},
			{150, 44, 21, 0, 255, 0},
			{29, 255, 107, 0, 0, 255},
		},
	}
	for c, pixels := range tests {
		table := convert.NewRGBTable(c)
		jfif, back := convert.NewYCCTable(c, media.JFIF()), convert.NewRGBTable(media.JFIF())
		for _, p := range pixels {
			r, g, b := table.Apply(p.y, p.cb, p.cr)
			near(t, fmt.Sprint(c, " direct"), [3]uint8{r, g, b}, [3]uint8{p.r, p.g, p.b}, 2)
			cb, cr := jfif.Chroma(p.cb, p.cr)
			r, g, b = back.Apply(jfif.Luma(p.y, p.cb, p.cr), cb, cr)
			near(t, fmt.Sprint(c, " through JFIF"), [3]uint8{r, g, b}, [3]uint8{p.r, p.g, p.b}, 3)
		}
	}
}

func near(t *testing.T, name string, got, want [3]uint8, tolerance float64) {
	t.Helper()
	for i := range got {
		if math.Abs(float64(got[i])-float64(want[i])) > tolerance {
			t.Errorf("%s: %v, want %v", name, got, want)
			return
		}
	}
}

// TestTablesAgainstFloat checks the integers against the definition in floating
// point: one level of difference at most, for every code.
func TestTablesAgainstFloat(t *testing.T) {
	c := color(media.MatrixBT709, media.RangeLimited)
	table := convert.NewRGBTable(c)
	for y := range 256 {
		for cb := 0; cb < 256; cb += 3 {
			for cr := 0; cr < 256; cr += 5 {
				l := float64(y-16) * 255 / 219
				u, v := float64(cb-128)*255/224, float64(cr-128)*255/224
				want := [3]float64{l + 1.5748*v, l - .1873243*u - .4681243*v, l + 1.8556*u}
				r, g, b := table.Apply(uint8(y), uint8(cb), uint8(cr))
				for i, got := range [3]uint8{r, g, b} {
					if math.Abs(float64(got)-max(0, min(255, want[i]))) > 1 {
						t.Fatalf("%d %d %d: channel %d is %d, want %.2f", y, cb, cr, i, got, want[i])
					}
				}
			}
		}
	}
}
