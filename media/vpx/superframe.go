package vpx

import "iter"

// maxFrames is how many frames a superframe can hold (VP9, Annex B).
const maxFrames = 8

// Frames yields the frames of a VP9 superframe, in decoding order; data without an
// index, or with one that does not fit it, is one frame. The slices point into data.
func Frames(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		sizes, n := index(data)
		if n == 0 {
			yield(data)
			return
		}
		for _, size := range sizes[:n] {
			// Encoders that skip a frame leave one of no bytes.
			if size > 0 && !yield(data[:size:size]) {
				return
			}
			data = data[size:]
		}
	}
}

// index reads the superframe index at the end of data: its first and last byte are
// the same, 110 in the upper bits, and the sizes of n frames lie between them.
func index(data []byte) (sizes [maxFrames]int, n int) {
	if len(data) == 0 {
		return sizes, 0
	}
	last := data[len(data)-1]
	if last>>5 != 0b110 {
		return sizes, 0
	}
	width, count := int(last>>3&3)+1, int(last&7)+1
	begin := len(data) - 2 - width*count
	if begin < 0 || data[begin] != last {
		return sizes, 0
	}
	total, any := 0, false
	for i := range count {
		for k := range width {
			sizes[i] |= int(data[begin+1+i*width+k]) << (8 * k)
		}
		total += sizes[i]
		any = any || sizes[i] > 0
	}
	if total > begin || !any {
		return sizes, 0
	}
	return sizes, count
}
