package main

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// palette is the light a street lies in.
type palette struct {
	skyTop, skyLow, sun, cloud  rgb
	wall, wall2, lit, dark      rgb
	pavement, road, line, tyres rgb
}

func palettes() []palette {
	return []palette{
		{ // day
			rgb{64, 132, 214},
			rgb{190, 222, 244},
			rgb{255, 244, 196},
			rgb{248, 250, 252},
			rgb{196, 164, 132},
			rgb{148, 104, 88},
			rgb{226, 240, 248},
			rgb{72, 92, 116},
			rgb{172, 168, 160},
			rgb{84, 86, 92},
			rgb{238, 232, 208},
			rgb{28, 28, 32},
		},
		{ // dusk
			rgb{58, 52, 110},
			rgb{246, 156, 98},
			rgb{255, 208, 120},
			rgb{226, 138, 122},
			rgb{118, 88, 104},
			rgb{84, 66, 92},
			rgb{255, 214, 138},
			rgb{54, 48, 72},
			rgb{124, 104, 108},
			rgb{62, 58, 70},
			rgb{232, 206, 166},
			rgb{20, 18, 26},
		},
		{ // night
			rgb{8, 12, 34},
			rgb{34, 44, 84},
			rgb{226, 230, 238},
			rgb{42, 50, 84},
			rgb{46, 50, 72},
			rgb{34, 38, 58},
			rgb{255, 226, 150},
			rgb{22, 26, 44},
			rgb{66, 70, 84},
			rgb{34, 36, 46},
			rgb{176, 174, 150},
			rgb{8, 8, 12},
		},
		{ // morning
			rgb{120, 176, 196},
			rgb{236, 232, 206},
			rgb{255, 250, 226},
			rgb{252, 250, 240},
			rgb{172, 186, 168},
			rgb{126, 148, 142},
			rgb{240, 244, 228},
			rgb{80, 100, 104},
			rgb{186, 184, 168},
			rgb{98, 102, 100},
			rgb{246, 242, 214},
			rgb{34, 36, 36},
		},
	}
}

// street is a road in front of a row of houses. Everything that moves returns to
// its place after period pictures, so a clip of that length loops seamlessly.
type street struct {
	camera, period int
	pal            palette
	still          *canvas // all that does not move
	clouds, cars   []mover
}

// mover crosses the picture a whole number of times in one period.
type mover struct {
	start, y, size float64 // position of its middle at picture 0, its line and size, as parts of the height
	turns          float64 // crossings per period, negative to the left
	col            rgb
}

func newStreet(camera, w, h, period int) *street {
	s := &street{camera: camera, period: period, pal: palettes()[(camera-1)%4], still: newCanvas(w, h)}
	dice := rand.New(rand.NewPCG(uint64(camera), 42))
	s.drawStill(dice)
	for i := range 3 {
		s.clouds = append(s.clouds, mover{
			start: float64(i)/3 + dice.Float64()/5, y: 0.16 + 0.06*float64(i), size: 0.05 + 0.02*dice.Float64(),
			turns: 0, col: s.pal.cloud,
		})
	}
	paint := []rgb{{200, 48, 44}, {36, 96, 180}, {236, 236, 232}, {240, 190, 50}, {52, 140, 96}}
	for i := range 4 {
		m := mover{
			start: float64(i)/4 + dice.Float64()/8, y: 0.77, size: 0.055, turns: 1,
			col: paint[(camera+i)%len(paint)],
		}
		if i%2 == 1 {
			m.turns, m.y, m.size = -1, 0.89, 0.075
		}
		s.cars = append(s.cars, m)
	}
	return s
}

func (s *street) drawStill(dice *rand.Rand) {
	c, p := s.still, s.pal
	h, w := float64(c.h), float64(c.w)
	at := func(part float64) int { return int(part * h) }
	for y := range c.h {
		c.rect(0, y, c.w, y+1, mix(p.skyTop, p.skyLow, float64(y)/(0.6*h)))
	}
	c.ellipse(0.82*w, 0.2*h, 0.06*h, 0.06*h, p.sun, 0.15)
	for x := 0; x < c.w; {
		wide := at(0.14 + 0.12*dice.Float64())
		top := at(0.3 + 0.22*dice.Float64())
		wall := mix(p.wall, p.wall2, dice.Float64())
		c.rect(x, top, x+wide-at(0.006), at(0.68), wall)
		c.rect(x, top, x+wide-at(0.006), top+at(0.012), mix(wall, p.dark, 0.5))
		step, size := at(0.05), at(0.026)
		for wy := top + at(0.035); wy+size < at(0.62); wy += step {
			for wx := x + at(0.02); wx+size < x+wide-at(0.02); wx += step {
				glass := p.dark
				if dice.IntN(3) == 0 {
					glass = p.lit
				}
				c.rect(wx, wy, wx+size, wy+size, glass)
			}
		}
		x += wide
	}
	c.rect(0, at(0.68), c.w, at(0.74), p.pavement)
	c.rect(0, at(0.735), c.w, at(0.74), mix(p.pavement, p.dark, 0.6))
	c.rect(0, at(0.74), c.w, c.h, p.road)
	for x := 0; x < c.w; x += at(0.16) {
		c.rect(x, at(0.836), x+at(0.08), at(0.848), p.line)
	}
}

// draw returns the street at a moment counted in pictures, which may lie between
// two of them.
func (s *street) draw(moment float64) *canvas {
	c := s.still.clone()
	h, w := float64(c.h), float64(c.w)
	turn := moment / float64(s.period)
	for _, m := range s.clouds { // drift to and fro
		x := w * (m.start + 0.02*math.Sin(2*math.Pi*(turn+m.start)))
		c.ellipse(x, m.y*h, 3*m.size*h, m.size*h, m.col, 0.7)
		c.ellipse(x+m.size*h, (m.y-0.02)*h, 1.6*m.size*h, m.size*h, m.col, 0.7)
	}
	for _, m := range s.cars {
		s.car(c, m, turn)
	}
	// A lamp that circles once a period, so that motion shows at any size.
	cx, cy, r := 0.12*w, 0.2*h, 0.07*h
	c.ellipse(cx, cy, r, r, mix(s.pal.skyTop, s.pal.dark, 0.5), 0)
	a := 2 * math.Pi * turn
	c.ellipse(cx+0.7*r*math.Sin(a), cy-0.7*r*math.Cos(a), 0.25*r, 0.25*r, s.pal.lit, 0)
	size := max(c.h/180, 1)
	label := fmt.Sprintf("FRAMEPORT CAM %02d", s.camera)
	c.rect(0, c.h-11*size, (6*len(label)+3)*size, c.h, rgb{16, 16, 20})
	c.text(2*size, c.h-9*size, size, label, rgb{240, 240, 240})
	c.rect(c.w-6*7*size, c.h-11*size, c.w, c.h, rgb{16, 16, 20})
	c.text(c.w-6*6*size, c.h-9*size, size, fmt.Sprintf("%05d", int(moment)), rgb{255, 214, 110})
	return c
}

func (s *street) car(c *canvas, m mover, turn float64) {
	h := float64(c.h)
	length := 4 * m.size * h
	span := float64(c.w) + length // so that a car leaves before it returns
	part := m.start + m.turns*turn
	x := (part-math.Floor(part))*span - length
	y, u := m.y*h, m.size*h
	at := func(dx, dy float64) (int, int) { return int(x + dx*u), int(y + dy*u) }
	box := func(x0, y0, x1, y1 float64, col rgb) {
		left, top := at(x0, y0)
		right, low := at(x1, y1)
		c.rect(left, top, right, low, col)
	}
	box(0, -0.7, 4, 0.2, m.col)
	box(0.8, -1.4, 3, -0.7, mix(m.col, s.pal.dark, 0.25))
	box(1, -1.25, 1.85, -0.75, s.pal.lit)
	box(2, -1.25, 2.8, -0.75, s.pal.lit)
	for _, wheel := range []float64{0.9, 3.1} {
		wx, wy := at(wheel, 0.2)
		c.ellipse(float64(wx), float64(wy), 0.38*u, 0.38*u, s.pal.tyres, 0)
		c.ellipse(float64(wx), float64(wy), 0.16*u, 0.16*u, s.pal.pavement, 0)
	}
	front := 3.85
	if m.turns < 0 {
		front = 0
	}
	box(front, -0.45, front+0.15, -0.2, rgb{255, 250, 210})
}
