package main

import "math/rand/v2"

// rgb is a colour with 8 bits per channel.
type rgb struct{ r, g, b uint8 }

// mix returns a colour between a (at 0) and b (at 1).
func mix(a, b rgb, t float64) rgb {
	t = min(max(t, 0), 1)
	f := func(x, y uint8) uint8 { return uint8(float64(x) + (float64(y)-float64(x))*t + 0.5) }
	return rgb{f(a.r, b.r), f(a.g, b.g), f(a.b, b.b)}
}

// canvas is a picture to draw on. Shapes outside it are cut off.
type canvas struct {
	w, h int
	pix  []rgb
}

func newCanvas(w, h int) *canvas { return &canvas{w, h, make([]rgb, w*h)} }

func (c *canvas) clone() *canvas {
	return &canvas{c.w, c.h, append([]rgb(nil), c.pix...)}
}

// rect fills the pixels from (x0, y0) up to but not including (x1, y1).
func (c *canvas) rect(x0, y0, x1, y1 int, col rgb) {
	x0, x1 = max(x0, 0), min(x1, c.w)
	for y := max(y0, 0); y < min(y1, c.h); y++ {
		for x := x0; x < x1; x++ {
			c.pix[y*c.w+x] = col
		}
	}
}

// ellipse fills an ellipse whose edge fades over the outer part soft (0..1) of
// its radius.
func (c *canvas) ellipse(cx, cy, rx, ry float64, col rgb, soft float64) {
	for y := max(int(cy-ry), 0); y <= min(int(cy+ry), c.h-1); y++ {
		for x := max(int(cx-rx), 0); x <= min(int(cx+rx), c.w-1); x++ {
			dx, dy := (float64(x)-cx)/rx, (float64(y)-cy)/ry
			d := dx*dx + dy*dy
			if d >= 1 {
				continue
			}
			p := &c.pix[y*c.w+x]
			if soft == 0 {
				*p = col
				continue
			}
			*p = mix(*p, col, (1-d)/soft)
		}
	}
}

// grain lightens or darkens every pixel by up to n levels, as a sensor does. It
// gives a clip the bit rate of a real camera.
func (c *canvas) grain(dice *rand.Rand, n int) {
	for i := range c.pix {
		p := &c.pix[i]
		d := dice.IntN(n+1) + dice.IntN(n+1) - n // triangular
		f := func(v uint8) uint8 { return uint8(min(max(int(v)+d, 0), 255)) }
		*p = rgb{f(p.r), f(p.g), f(p.b)}
	}
}

// text writes s with its upper left corner at (x, y), a dot being size pixels.
func (c *canvas) text(x, y, size int, s string, col rgb) {
	for _, ch := range s {
		for row, line := range glyphs()[ch] {
			for i, dot := range line {
				if dot == '#' {
					c.rect(x+i*size, y+row*size, x+(i+1)*size, y+(row+1)*size, col)
				}
			}
		}
		x += 6 * size
	}
}

// glyphs are the letters the overlay needs, five dots wide and seven high.
func glyphs() map[rune][7]string {
	return map[rune][7]string{
		'0': {" ### ", "#   #", "#  ##", "# # #", "##  #", "#   #", " ### "},
		'1': {"  #  ", " ##  ", "  #  ", "  #  ", "  #  ", "  #  ", " ### "},
		'2': {" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"},
		'3': {" ### ", "#   #", "    #", "  ## ", "    #", "#   #", " ### "},
		'4': {"   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "},
		'5': {"#####", "#    ", "#### ", "    #", "    #", "#   #", " ### "},
		'6': {"  ## ", " #   ", "#    ", "#### ", "#   #", "#   #", " ### "},
		'7': {"#####", "    #", "   # ", "  #  ", "  #  ", "  #  ", "  #  "},
		'8': {" ### ", "#   #", "#   #", " ### ", "#   #", "#   #", " ### "},
		'9': {" ### ", "#   #", "#   #", " ####", "    #", "   # ", " ##  "},
		'A': {" ### ", "#   #", "#   #", "#####", "#   #", "#   #", "#   #"},
		'C': {" ### ", "#   #", "#    ", "#    ", "#    ", "#   #", " ### "},
		'E': {"#####", "#    ", "#    ", "#### ", "#    ", "#    ", "#####"},
		'F': {"#####", "#    ", "#    ", "#### ", "#    ", "#    ", "#    "},
		'M': {"#   #", "## ##", "# # #", "#   #", "#   #", "#   #", "#   #"},
		'O': {" ### ", "#   #", "#   #", "#   #", "#   #", "#   #", " ### "},
		'P': {"#### ", "#   #", "#   #", "#### ", "#    ", "#    ", "#    "},
		'R': {"#### ", "#   #", "#   #", "#### ", "# #  ", "#  # ", "#   #"},
		'T': {"#####", "  #  ", "  #  ", "  #  ", "  #  ", "  #  ", "  #  "},
		' ': {},
	}
}
