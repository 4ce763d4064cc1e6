package convert

// Note: [Scaling in integers]
//
// Tensors are scaled in integers, luma and chroma each on its own grid, and every
// sample is a byte again before colour is changed. So CPU and GPU agree to the bit,
// and a tensor of floats differs by what its last multiplication rounds: a level of
// 1/255 more or less would be four times the tolerance of 1e-3.
//
// Bilinear is what models are trained with (cv2.resize's default). It reads four
// pixels and skips the others when a picture shrinks to less than half; from there on
// the mean of the area that a pixel covers takes its place (cv2's INTER_AREA).

// Averages reports whether a side shrinks to less than half, so that pixels are means
// of areas and not interpolated.
func (g Geometry) Averages() bool {
	return 2*g.Inner.Dx() < g.Crop.Dx() || 2*g.Inner.Dy() < g.Crop.Dy()
}

// axis is n samples laid over size samples.
type axis struct{ n, size int }

// centre is the first of the two samples that sample i lies between, and how far it is
// from that, in 2048ths. Positions have 16 bits of fraction before that.
func (a axis) centre(i int) (first, weight int) {
	at := ((2*i+1)*a.size*65536/a.n - 65536) / 2
	at = max(0, min(at, (a.size-1)*65536))
	return at >> 16, at & 65535 >> 5
}

// span is what sample i covers, in 256ths of a sample.
func (a axis) span(i int) (from, to int) {
	from, to = i*a.size*256/a.n, (i+1)*a.size*256/a.n
	return from, max(to, from+1)
}

// interpolate is the sample x,y between four of a plane.
func interpolate(at func(x, y int) uint8, h, v axis, x, y int) uint8 {
	x0, wx := h.centre(x)
	y0, wy := v.centre(y)
	x1, y1 := min(x0+1, h.size-1), min(y0+1, v.size-1)
	top := int(at(x0, y0))*(2048-wx) + int(at(x1, y0))*wx
	bottom := int(at(x0, y1))*(2048-wx) + int(at(x1, y1))*wx
	return uint8((top*(2048-wy) + bottom*wy + 1<<21) >> 22)
}

// average is the mean of what the sample x,y covers.
func average(at func(x, y int) uint8, h, v axis, x, y int) uint8 {
	left, right := h.span(x)
	top, bottom := v.span(y)
	overlap := func(i, from, to int) int { return max(0, min((i+1)*256, to)-max(i*256, from)) }
	sum := 0
	for j := top / 256; j*256 < bottom; j++ {
		for i := left / 256; i*256 < right; i++ {
			sum += int(at(i, j)) * overlap(i, left, right) * overlap(j, top, bottom)
		}
	}
	area := (right - left) * (bottom - top)
	return uint8((sum + area/2) / area)
}
