package camera

import (
	"time"

	"github.com/frameport/frameport/frame"
)

// Note: [Pictures that stay]
//
// A camera whose encoder hangs, or that shows a card instead of its sensor, delivers
// frames at its rate and seems well. So a few points of every picture are compared with
// those of the first one that was like it. Real sensors have noise: a picture in which
// none of these points changes is one that nobody is taking. Compared with the first of
// them, not the one before, slow changes add up. It is told and not judged: nobody knows
// whether a dark room is wrong.

const (
	// stillGrid points in each direction are compared, and stillNoise is how far each
	// may be off.
	stillGrid  = 16
	stillNoise = 2
)

// still finds out since when the picture has been the same.
type still struct {
	since time.Time // Received of the first equal picture; zero = not known

	width, height int
	points        [stillGrid * stillGrid]byte
}

// look compares a picture and returns when the first one that was like it was received;
// zero = not known. Pictures in device memory are not looked at, damaged ones neither.
func (s *still) look(f *frame.Frame) time.Time {
	luma := f.Planes[0]
	if f.Corrupt || f.Width < stillGrid || f.Height < stillGrid || len(luma.Data) < luma.Pitch*(f.Height-1)+f.Width {
		s.since = time.Time{}
		return s.since
	}
	if s.since.IsZero() || f.Width != s.width || f.Height != s.height || !s.like(f) {
		s.renew(f)
	}
	return s.since
}

// like compares a picture with the first of the equal ones, which has its size.
func (s *still) like(f *frame.Frame) bool {
	for i, was := range s.points {
		if is := pointOf(f, i); max(is, was)-min(is, was) > stillNoise {
			return false
		}
	}
	return true
}

// pointOf is one of the points of the grid: the middle of a block.
func pointOf(f *frame.Frame, i int) byte {
	x, y := (2*(i%stillGrid)+1)*f.Width/(2*stillGrid), (2*(i/stillGrid)+1)*f.Height/(2*stillGrid)
	return f.Planes[0].Data[y*f.Planes[0].Pitch+x]
}

// renew takes a picture as the first of its kind.
func (s *still) renew(f *frame.Frame) {
	s.width, s.height = f.Width, f.Height
	for i := range s.points {
		s.points[i] = pointOf(f, i)
	}
	s.since = f.Received
}
