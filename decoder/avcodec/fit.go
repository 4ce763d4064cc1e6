package avcodec

import "github.com/frameport/frameport/decoder"

// fit returns the size of the frames made from w x h pictures: inside the wanted
// bounds, the aspect ratio kept, even when it is not the picture's own size.
func fit(w, h int, o decoder.Output) (int, int) {
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
		return even(maxW, maxW), even((maxW*h+w/2)/w, maxH)
	}
	return even((maxH*w+h/2)/h, maxW), even(maxH, maxH)
}

// even rounds v to the nearest even number that is at least 2, or 1 where the
// bound leaves no room for 2.
func even(v, bound int) int {
	v = (v + 1) &^ 1
	if v > bound {
		v = bound &^ 1
	}
	return max(v, min(2, bound))
}
