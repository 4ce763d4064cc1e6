package rtpdepay

import (
	"bytes"

	"github.com/frameport/frameport/media"
)

// formats keeps the stream's format in step with its parameter sets. It changes
// at random-access points, and only with the sequence (or video) parameter set:
// a new picture parameter set is no reason to start a decoder anew, and stands
// before the pictures that need it.
type formats struct {
	codec   media.Codec
	current *media.Format // delivered last
	seq     []byte        // its VPS and SPS

	// What was prepared for the next random-access point: the sets that go in
	// front of it, of which the first seqLen bytes are VPS and SPS.
	front    []byte
	seqLen   int
	sets     *paramSet
	version  uint64
	prepared bool
}

// prepare builds the sets in front of a random-access unit with this SPS.
func (f *formats) prepare(store *paramStore, sets *paramSet) {
	if f.prepared && f.sets == sets && f.version == store.version {
		return
	}
	f.front = store.active(f.front[:0], sets)
	f.seqLen = len(f.front)
	f.front = store.pictureSets(f.front, sets.id)
	f.sets, f.version, f.prepared = sets, store.version, true
}

// use makes what was prepared the current format, which it returns.
func (f *formats) use() *media.Format {
	seq := f.front[:f.seqLen]
	if f.current != nil && bytes.Equal(seq, f.seq) {
		return f.current
	}
	f.seq = append(f.seq[:0], seq...)
	next := &media.Format{Codec: f.codec, Parameters: bytes.Clone(f.front)}
	switch size := f.sets.size; {
	case !f.sets.readable:
	default:
		next.Width, next.Height = size.Width, size.Height
		next.CodedWidth, next.CodedHeight = size.CodedWidth, size.CodedHeight
		next.NoReorder = f.sets.noReorder
	}
	f.current = next
	return next
}
