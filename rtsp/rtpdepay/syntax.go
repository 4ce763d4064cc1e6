package rtpdepay

// class is what a NAL unit is to assembly.
type class uint8

const (
	classNone    class = iota // dropped: of no use to a decoder here, or private
	classSlice                // belongs to a picture
	classSet                  // parameter set: kept apart, put before random-access units
	classPrefix               // before the slices of a picture (SEI)
	classSuffix               // after them
	classPrivate              // dropped, and counted
)

// slice is what the header of a slice (H.265: slice segment) says.
type slice struct {
	first  bool // of its picture
	pps    uint32
	random bool // IDR or IRAP picture
	intra  bool // H.264: has no inter prediction
	nonRef bool // no other picture refers to it
	// leads: pictures may follow that are shown before this one and refer to
	// what came before it. leading: this is such a picture. H.265 only.
	leads, leading bool
	// continues: the picture is a random-access point but counts on with the
	// coded video sequence before it (CRA). H.265 only.
	continues bool
	// The rest is H.264, and there if detail is true.
	detail        bool
	field, bottom bool
	frameNum, poc uint32
	pocBits       int
}

// syntax is a codec's NAL unit syntax. Its methods keep no argument.
type syntax interface {
	// headerLen is the length of a NAL unit header.
	headerLen() int
	classify(header []byte) class
	// set reads a parameter set, whole.
	set(unit []byte) (paramSet, bool)
	// slice reads as much as needs no parameter set. body may be a fragment.
	slice(header, body []byte) (slice, bool)
	// complete returns s with the rest of the same slice header.
	complete(s slice, header, body []byte, set *paramSet) slice
	// recoveryPoint reports whether an SEI unit, whole, holds that message.
	recoveryPoint(unit []byte) bool
}
