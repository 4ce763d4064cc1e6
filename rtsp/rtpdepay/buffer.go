package rtpdepay

const (
	minBuffer = 32 << 10
	// shrinkAfter is how many units must fit into a quarter of the buffer before
	// it gives memory back.
	shrinkAfter = 512
)

// buffer holds the access unit under assembly, with room in front for the
// parameter sets of a random-access unit, so that the payload is copied once.
type buffer struct {
	mem  []byte // mem[head:] is the unit
	head int

	peak  int // largest unit since the last look
	units int
}

func (b *buffer) bytes() []byte { return b.mem[b.head:] }
func (b *buffer) len() int      { return len(b.mem) - b.head }
func (b *buffer) write(p []byte) {
	if len(b.mem)+len(p) > cap(b.mem) {
		b.grow(len(p))
	}
	b.mem = append(b.mem, p...)
}

func (b *buffer) grow(n int) {
	next := make([]byte, len(b.mem), max(minBuffer, len(b.mem)+n, cap(b.mem)+cap(b.mem)/2))
	copy(next, b.mem)
	b.mem = next
}

// truncate cuts the unit to n bytes.
func (b *buffer) truncate(n int) { b.mem = b.mem[:b.head+n] }

// remove takes out the bytes [from, to) of the unit.
func (b *buffer) remove(from, to int) {
	b.mem = append(b.mem[:b.head+from], b.mem[b.head+to:]...)
}

// reserve makes room for n bytes in front of the unit.
func (b *buffer) reserve(n int) {
	if n <= b.head {
		return
	}
	add := n - b.head
	if len(b.mem)+add > cap(b.mem) {
		b.grow(add)
	}
	b.mem = b.mem[:len(b.mem)+add]
	copy(b.mem[n:], b.mem[b.head:len(b.mem)-add])
	b.head = n
}

// with returns the unit with front before it, which must fit the room reserved.
func (b *buffer) with(front []byte, end int) []byte {
	from := b.head - len(front)
	copy(b.mem[from:b.head], front)
	return b.mem[from : b.head+end]
}

// next drops the first n bytes of the unit; what follows begins the next one.
func (b *buffer) next(n int) {
	b.peak = max(b.peak, n)
	b.units++
	rest := b.mem[b.head+n:]
	if b.units >= shrinkAfter {
		if room := cap(b.mem) - b.head; room > 8*minBuffer && b.peak < room/4 {
			b.mem = make([]byte, b.head, b.head+2*max(b.peak, len(rest)))
		}
		b.units, b.peak = 0, 0
	}
	b.mem = append(b.mem[:b.head], rest...)
}
