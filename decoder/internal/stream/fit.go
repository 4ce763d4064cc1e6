package stream

import "github.com/frameport/frameport/decoder"

// Fit returns the size of the frames made from w x h pictures: inside the wanted
// bounds, the aspect ratio kept, even when it is not the picture's own size.
func Fit(w, h int, o decoder.Output) (int, int) {
	maxW, maxH := w, h
	if o.MaxWidth > 0 {
		maxW = min(w, o.MaxWidth)
	}
	if o.MaxHeight > 0 {
		maxH = min(h, o.MaxHeight)
	}
	if maxW == w && maxH == h {
		return w, h
	}
	if maxW*h <= maxH*w { // the width is what binds
		width := even(maxW, 1, maxW)
		return width, even(width*h, w, maxH)
	}
	height := even(maxH, 1, maxH)
	return even(height*w, h, maxW), height
}

// even is num/den rounded to an even number within the bound, at least 2, or 1
// where the bound leaves no room for 2.
func even(num, den, bound int) int {
	v := 2 * ((num + den) / (2 * den))
	if v > bound {
		v = bound &^ 1
	}
	return max(v, min(2, bound))
}
