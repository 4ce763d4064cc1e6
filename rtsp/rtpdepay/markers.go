package rtpdepay

// markerTrust is how many pictures in a row must end with the marker bit before
// the bit alone closes one.
const markerTrust = 3

// Note: [Marker bits]
//
// RFC 6184 and 7798 set the marker on the last packet of an access unit, and a
// unit that is closed by it is delivered a picture earlier than one closed by the
// start of the next. But cameras set it on every NAL unit, never, or on SEI and
// parameter sets. So the bit is first watched, while units are closed by what
// follows them. After three pictures whose end it told right it is believed, and
// after one lie never again. The lie that comes to light when the unit is out
// already counts as a loss: the receiver waits for a random-access point.

// markers is what a stream has shown of its marker bits.
type markers struct {
	right int
	liar  bool
}

func (m *markers) trusted() bool { return !m.liar && m.right >= markerTrust }

// ended notes that a picture was over, and whether its last packet was marked.
func (m *markers) ended(marked bool) {
	if marked {
		m.right++
	} else {
		m.right = 0
	}
}

func (m *markers) lied() { *m = markers{liar: true} }
