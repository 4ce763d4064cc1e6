package nal

// Size is what a sequence parameter set says about the pictures.
type Size struct {
	// CodedWidth and CodedHeight are what a decoder allocates, in luma samples.
	CodedWidth, CodedHeight int
	// Width and Height are what remains after cropping.
	Width, Height int
}

// crop takes the four offsets, in luma samples, from the coded size. Offsets
// that leave nothing are ignored, as decoders do.
func crop(w, h int, left, right, top, bottom uint64) Size {
	s := Size{CodedWidth: w, CodedHeight: h, Width: w, Height: h}
	if left+right < uint64(w) && top+bottom < uint64(h) {
		s.Width -= int(left + right)
		s.Height -= int(top + bottom)
	}
	return s
}
