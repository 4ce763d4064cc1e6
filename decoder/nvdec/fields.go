package nvdec

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"

	"github.com/frameport/frameport/media"
)

// secondField is where the second field of an H.264 frame begins that is coded as two
// pictures, or 0: the driver's parser takes one picture at a time, and drops what
// follows it.
func (d *Decoder) secondField(data []byte) int {
	if d.cfg.Format.Codec != media.CodecH264 || !d.guard.Fields || d.guard.FrameNumberBits == 0 {
		return 0
	}
	var first field
	end := 0 // of the first field's last slice so far
	for at := start(data, 0); at < len(data); {
		next := start(data, at+3)
		if nal := data[at+3 : next]; len(nal) > 0 {
			switch t := nal[0] & 0x1F; t {
			case 1, 2, 5:
				f := readField(nal, d.guard.FrameNumberBits)
				switch {
				case f == notField:
					return 0
				case first == notField:
					first = f
				case f != first:
					return end
				}
				end = next
			case 3, 4: // the rest of a partitioned slice
				end = next
			}
		}
		at = next
	}
	return 0
}

// start is where the next start code begins, or the end.
func start(data []byte, from int) int {
	from = min(from, len(data))
	i := bytes.Index(data[from:], []byte{0, 0, 1})
	if i < 0 {
		return len(data)
	}
	return from + i
}

// field is which of a frame's fields a slice belongs to.
type field int

const (
	notField field = iota // a whole frame's, or not known
	topField
	bottomField
)

// readField reads a slice header as far as bottom_field_flag (7.3.3), of a sequence
// that has fields.
func readField(nal []byte, frameNumberBits int) field {
	header, pos := unescape(nal[1:]), 0
	for range 3 { // first_mb_in_slice, slice_type, pic_parameter_set_id
		if _, err := bits.ReadGolombUnsigned(header, &pos); err != nil {
			return notField
		}
	}
	if _, err := bits.ReadBits(header, &pos, frameNumberBits); err != nil {
		return notField
	}
	coded, err := bits.ReadFlag(header, &pos)
	if err != nil || !coded {
		return notField
	}
	bottom, err := bits.ReadFlag(header, &pos)
	switch {
	case err != nil:
		return notField
	case bottom:
		return bottomField
	}
	return topField
}
