package media

// AccessUnit is one coded picture, whole and in decoding order. In VP8 and VP9 it may
// be one that is never shown, in VP9 also one with such pictures in front of it.
//
// Data belongs to the producer and is valid only during the call that hands the
// unit over; a receiver that needs it longer copies it.
type AccessUnit struct {
	// Format is the stream's format. A new pointer means a new format: the
	// receiver compares pointers and starts a new epoch when it changes.
	Format *Format
	// Data is Annex B with four-byte start codes (H.264, H.265; parameter sets
	// stand before every random-access unit), one JPEG picture (MJPEG), one frame
	// (VP8), or one frame or superframe (VP9).
	Data []byte
	Times
	// RandomAccess is true when decoding can begin here with a clean picture:
	// IDR, CRA/BLA, recovery point, key frame (VP8, VP9), or any MJPEG picture.
	RandomAccess bool
	// NonReference is true when no other picture depends on this one, so it can
	// be skipped without harm.
	NonReference bool
	// Discontinuity is true on the first unit after the time line broke (camera
	// reset its clock, sequence numbers jumped). The receiver starts a new epoch.
	Discontinuity bool
}
