package media

// Format is what a decoder must know about a stream before the first access
// unit. It is immutable: a source that sees a change makes a new one.
type Format struct {
	Codec Codec
	// Width and Height are the displayed picture size in pixels, after cropping.
	// Both are 0 while unknown (parameter sets that could not be read, MJPEG
	// before the first picture); the decoder's own view then decides.
	Width, Height int
	// CodedWidth and CodedHeight are the size before cropping: what a decoder
	// allocates. A picture of 640x480 may be cut out of one of 16384x16384, so
	// limits are checked against these. 0 while unknown.
	CodedWidth, CodedHeight int
	// Parameters are the parameter sets in Annex B form (VPS, SPS, PPS), empty
	// for MJPEG, VP8 and VP9. They are also repeated in band before each random-access unit.
	Parameters []byte
	// NoReorder is true when output order is decode order: the SPS promises it (no
	// B-frames), or the codec knows no other. A decoder may then show each picture
	// at once.
	NoReorder bool
}
