package hostconv

import (
	"context"
	"encoding/binary"

	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
)

var _ convert.Hasher = (*Converter)(nil)

// Hash implements [convert.Hasher]. Frames in other memory are ErrSource.
func (c *Converter) Hash(ctx context.Context, src *frame.Frame) (uint64, error) {
	if err := c.usable(ctx); err != nil {
		return 0, err
	}
	if err := convert.CheckFormats(src.Format, src.Format); err != nil {
		return 0, err
	}
	luma := src.Planes[0]
	if luma.Data == nil {
		return 0, ErrSource
	}
	var sum uint64
	for y := range src.Height {
		row := luma.Data[y*luma.Pitch:][:src.Width]
		x := 0
		for ; x+8 <= len(row); x += 8 {
			sum += convert.HashWord(binary.LittleEndian.Uint64(row[x:]), x, y)
		}
		if x < len(row) {
			var last [8]byte
			copy(last[:], row[x:])
			sum += convert.HashWord(binary.LittleEndian.Uint64(last[:]), x, y)
		}
	}
	return sum, nil
}
