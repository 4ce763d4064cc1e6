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
// follows them. After three pictures in a row whose end it told right, one of them
// for random access (those have the most slices), it is believed; after one lie
// never again. The lie that comes to light when the unit is out
// already counts as a loss: the receiver waits for a random-access point.

// markers is what a stream has shown of its marker bits.
type markers struct {
	right int
	key   bool // a random-access picture was among them
	liar  bool
}

func (m *markers) trusted() bool { return !m.liar && m.key && m.right >= markerTrust }

// ended notes that a picture was over, whether its last packet was marked, and
// whether it was one for random access.
func (m *markers) ended(marked, key bool) {
	if !marked {
		m.reset()
		return
	}
	m.right++
	m.key = m.key || key
}

func (m *markers) reset() { m.right, m.key = 0, false }

// lied notes that a picture went on after a marker.
func (m *markers) lied(stats *counters) {
	if !m.liar {
		stats.markerLies.Add(1)
	}
	*m = markers{liar: true}
}
