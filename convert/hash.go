package convert

import (
	"context"

	"github.com/frameport/frameport/frame"
)

// Hasher is what a [Converter] can be besides: it tells equal pictures, which is how a
// frozen camera is found. It may be called from many goroutines.
type Hasher interface {
	// Hash is [TruthHash] of src. Errors wrap [ErrRequest] for a format that can't
	// be hashed.
	Hash(ctx context.Context, src *frame.Frame) (uint64, error)
}

// TruthHash is a hash of a frame's luma, the same for I420 and NV12, in host and in
// device memory. Chroma does not count: no scene changes in colour alone. Rows are
// words of eight pixels, the first in the lowest bits and the last word filled up with
// zeros; the hash is the sum, which has no order, of every word mixed with its place.
func TruthHash(f *frame.Frame) (uint64, error) {
	if err := checkSource(f.Format); err != nil {
		return 0, err
	}
	var sum uint64
	for y := range f.Height {
		row := f.Planes[0].Data[y*f.Planes[0].Pitch:][:f.Width]
		for x := 0; x < f.Width; x += 8 {
			var word uint64
			for i, v := range row[x:min(x+8, f.Width)] {
				word |= uint64(v) << (8 * i)
			}
			sum += HashWord(word, x, y)
		}
	}
	return sum, nil
}

// HashWord is one term of [TruthHash]: eight pixels from column x of row y.
func HashWord(word uint64, x, y int) uint64 {
	place := uint64(y)<<32 | uint64(x)
	return mix64(word ^ mix64(place+0x9e3779b97f4a7c15))
}

// mix64 is the finaliser of splitmix64 (Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", 2014).
func mix64(v uint64) uint64 {
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}
