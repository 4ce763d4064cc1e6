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
	room *room // that mem takes

	peak  int // largest unit since the last look
	units int
}

func (b *buffer) bytes() []byte { return b.mem[b.head:] }
func (b *buffer) len() int      { return len(b.mem) - b.head }

// write appends to the unit, or reports that there is no memory for it.
func (b *buffer) write(p []byte) bool {
	if b.room.yields() || len(b.mem)+len(p) > cap(b.mem) && !b.grow(len(p)) {
		return false
	}
	b.mem = append(b.mem, p...)
	return true
}

func (b *buffer) grow(n int) bool {
	need := len(b.mem) + n
	size := max(minBuffer, need, cap(b.mem)+cap(b.mem)/2)
	if !b.room.resize(size) {
		if size = need; !b.room.resize(size) {
			return false
		}
	}
	next := make([]byte, len(b.mem), size)
	copy(next, b.mem)
	b.mem = next
	return true
}

// free drops the unit and its memory.
func (b *buffer) free() {
	b.mem, b.head = nil, 0
	b.room.resize(0)
}

// truncate cuts the unit to n bytes.
func (b *buffer) truncate(n int) { b.mem = b.mem[:b.head+n] }

// remove takes out the bytes [from, to) of the unit.
func (b *buffer) remove(from, to int) {
	b.mem = append(b.mem[:b.head+from], b.mem[b.head+to:]...)
}

// reserve makes room for n bytes in front of the unit, or reports that there is no memory
// for them.
func (b *buffer) reserve(n int) bool {
	if n <= b.head {
		return true
	}
	add := n - b.head
	if len(b.mem)+add > cap(b.mem) && !b.grow(add) {
		return false
	}
	b.mem = b.mem[:len(b.mem)+add]
	copy(b.mem[n:], b.mem[b.head:len(b.mem)-add])
	b.head = n
	return true
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
	if size := cap(b.mem) - b.head; b.units >= shrinkAfter {
		if size > 8*minBuffer && b.peak < size/4 {
			b.shrink(2 * max(b.peak, len(rest)))
		}
		b.units, b.peak = 0, 0
	} else if size > 8*minBuffer && b.room.scarce() {
		b.shrink(2*len(rest) + minBuffer)
	}
	b.mem = append(b.mem[:b.head], rest...)
}

// shrink makes the memory smaller, with room for a unit of n bytes. The unit is gone.
func (b *buffer) shrink(n int) {
	if size := b.head + n; size < cap(b.mem) && b.room.resize(size) {
		b.mem = make([]byte, b.head, size)
	}
}
