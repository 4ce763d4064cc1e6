package isolated

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/media"
)

// region is memory that the worker has made for a child.
type region struct {
	number uint32
	memory *shm.Region
	shared bool // other processes can map it too
	one    bool // for one picture

	// under memory.mu
	lent    bool            // the child may use it
	ended   bool            // another one has followed; pictures may still come out of it
	removed bool            // nobody can open it any more
	live    int             // frames
	seen    bool            // a picture has come, and said how it is divided
	layout  picture         // the parts of the first picture that hold for all
	slots   map[uint32]bool // not shared: those that have memory
	booked  int64
	public  *frame.Region // shared: what other processes are told
}

// handle is a frame on a picture in a region.
type handle struct {
	// The frame comes first: Recycle finds the handle by its frame's address.
	frame      frame.Frame
	region     *region
	release    uint32 // what the child calls it; 0 = it does not wait for it
	slot       int
	generation uint64
}

// keepHandles bounds the idle ones of a decoder.
const keepHandles = 32

// maxRegions bounds the regions of a decoder beside their bytes: each takes a descriptor
// and mappings of the worker, and small ones would take all that all cameras have.
const maxRegions = 256

// memory is where the pictures of one decoder lie. It outlives the decoder: what goes with
// the last frame of a region is the region.
type memory struct {
	account *frame.Account
	limit   int64 // of all regions, in bytes

	mu       sync.Mutex
	next     uint32
	regions  map[uint32]*region // that the child may use, or that have frames
	current  *region            // the last one for slots
	bytes    int64
	idle     []*handle
	released []uint32 // that the child does not know of yet
	spills   uint64
}

var _ frame.Shared = (*memory)(nil)

func newMemory(account *frame.Account, limit int64) *memory {
	return &memory{account: account, limit: limit, regions: make(map[uint32]*region)}
}

var errTooMuch = errors.New("the decoder process asks for more memory than pictures of this stream need")

// create makes a region for the child, in folder when there is one. The second error is
// why it does not lie there.
func (m *memory) create(size int64, one bool, folder *shm.Folder) (r *region, unshared, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size <= 0 || size > m.limit-m.bytes {
		return nil, nil, fmt.Errorf("%w: %d bytes beside %d", errTooMuch, size, m.bytes)
	}
	if len(m.regions) >= maxRegions {
		return nil, nil, fmt.Errorf("%w: another region beside %d", errTooMuch, len(m.regions))
	}
	m.next++
	r = &region{number: m.next, one: one, lent: true}
	if folder != nil {
		if r.memory, unshared = folder.Create(size); unshared == nil {
			r.shared = true
		}
	}
	if unshared != nil && m.current != nil && m.current.shared {
		return nil, unshared, unshared // what there is, is better than memory that nobody can map
	}
	if r.memory == nil {
		if r.memory, err = shm.Private("frameport-pictures", size); err != nil {
			return nil, unshared, err
		}
	}
	if one {
		m.spills++
		r.lent = false // the child forgets it at once
	} else {
		m.endLocked()
		m.current = r
	}
	m.regions[r.number] = r
	m.bytes += size
	if r.shared { // it has all its memory
		m.bookLocked(r, size)
	} else {
		r.slots = make(map[uint32]bool)
	}
	return r, unshared, nil
}

func (m *memory) bookLocked(r *region, size int64) {
	r.booked += size
	m.account.Book(0, size)
}

// backLocked sees to it that a slot has memory, before anybody reads it.
func (m *memory) backLocked(r *region, slot uint32) error {
	if r.shared || r.slots[slot] {
		return nil
	}
	if err := r.memory.Back(int64(slot)*r.layout.stride, r.layout.stride); err != nil {
		return err
	}
	r.slots[slot] = true
	m.bookLocked(r, r.layout.stride)
	return nil
}

// size is that of all regions, in bytes.
func (m *memory) size() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

// file is what the child maps.
func (r *region) file() *os.File { return r.memory.File() }

// end says that what comes next is to lie elsewhere.
func (m *memory) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endLocked()
}

func (m *memory) endLocked() {
	if r := m.current; r != nil {
		m.current, r.ended = nil, true
		m.settleLocked(r)
	}
}

// shares says whether what comes next can be mapped by other processes.
func (m *memory) shares() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current != nil && m.current.shared
}

// takeReleased moves what the child is to be told to b.
func (m *memory) takeReleased(b []byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	b = appendReleases(b, m.released)
	m.released = m.released[:0]
	return b
}

// closed notes that the child does not use a region any more.
func (m *memory) closed(number uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.regions[number]; r != nil {
		m.returnedLocked(r)
	}
}

// abandon notes that there is no child any more.
func (m *memory) abandon() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.regions {
		m.returnedLocked(r)
	}
	m.released = nil
}

func (m *memory) returnedLocked(r *region) {
	r.lent, r.ended = false, true
	if m.current == r {
		m.current = nil
	}
	m.settleLocked(r)
}

// settleLocked does what can be done with a region after a change. What fails is a file
// that can't be removed, which the folder finds when it is closed.
func (m *memory) settleLocked(r *region) {
	if r.live != 0 {
		return
	}
	if r.ended && r.shared && !r.removed {
		r.removed = true
		_ = r.memory.Remove()
	}
	if r.lent || r.one && !r.ended {
		return
	}
	delete(m.regions, r.number)
	m.bytes -= int64(len(r.memory.Bytes()))
	m.account.Book(0, -r.booked)
	_ = r.memory.Close()
}

// frame makes a frame of a picture that the child tells of. The error wraps errProtocol
// when it can't be.
func (m *memory) frame(p *picture, info frame.Info) (*frame.Frame, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.regions[p.region]
	if r == nil || !r.lent && !r.one || r.one && r.ended {
		return nil, fmt.Errorf("%w: a picture in region %d, which it has not", errProtocol, p.region)
	}
	if err := r.describe(p, info.Color); err != nil {
		return nil, err
	}
	if err := m.backLocked(r, p.slot); err != nil {
		return nil, err
	}
	var h *handle
	if n := len(m.idle); n > 0 {
		h, m.idle = m.idle[n-1], m.idle[:n-1]
	} else {
		h = new(handle)
	}
	h.region, h.release, h.slot, h.generation = r, p.handle, int(p.slot), p.generation
	if r.one {
		r.ended, h.release = true, 0
	}
	r.live++
	m.account.Book(1, 0)
	h.frame.Reset(info, r.planes(p), m)
	return &h.frame, nil
}

// describe checks a picture against its region, and keeps how the region is divided.
func (r *region) describe(p *picture, color media.Color) error {
	if r.seen {
		same := p.slots == r.layout.slots && p.stride == r.layout.stride && p.generationAt == r.layout.generationAt &&
			p.width == r.layout.width && p.height == r.layout.height && p.offset == r.layout.offset && p.pitch == r.layout.pitch &&
			color == r.layout.color
		if !same || p.slot >= p.slots {
			return fmt.Errorf("%w: pictures of two kinds in one region", errProtocol)
		}
		return nil
	}
	size := int64(len(r.memory.Bytes()))
	sizes, n := media.PixelI420.Planes(int(p.width), int(p.height))
	if p.slots == 0 || p.slot >= p.slots || p.stride <= 0 || p.stride > size/int64(p.slots) ||
		!r.one && p.stride%int64(os.Getpagesize()) != 0 || p.generationAt < 0 || !r.one && p.generationAt > p.stride-8 {
		return fmt.Errorf("%w: %d slots of %d bytes in %d", errProtocol, p.slots, p.stride, size)
	}
	var planes []frame.PlaneLayout
	for i, plane := range sizes[:n] {
		if int(p.pitch[i]) < plane.RowBytes || p.offset[i] < 0 || p.offset[i] > p.stride {
			return fmt.Errorf("%w: plane %d at %d with a pitch of %d", errProtocol, i, p.offset[i], p.pitch[i])
		}
		if end := p.offset[i] + int64(p.pitch[i])*int64(plane.Rows-1) + int64(plane.RowBytes) + frame.Overread; end > p.stride {
			return fmt.Errorf("%w: plane %d ends %d bytes behind its slot", errProtocol, i, end-p.stride)
		}
		planes = append(planes, frame.PlaneLayout{Offset: p.offset[i], Pitch: int(p.pitch[i]), Rows: plane.Rows})
	}
	r.seen, r.layout = true, *p
	r.layout.color = color
	if r.shared {
		r.public = &frame.Region{
			Name: r.memory.Name(), Path: r.memory.Path(), Bytes: p.stride * int64(p.slots), Slots: int(p.slots), Stride: p.stride,
			Format: media.PixelI420, Width: int(p.width), Height: int(p.height), Color: color, Planes: planes, Generation: p.generationAt,
		}
	}
	return nil
}

// planes are those of a picture that was checked.
func (r *region) planes(p *picture) (planes [3]frame.Plane) {
	slot := r.memory.Bytes()[int64(p.slot)*p.stride:]
	sizes, n := media.PixelI420.Planes(int(p.width), int(p.height))
	for i, plane := range sizes[:n] {
		at, bytes := p.offset[i], int64(p.pitch[i])*int64(plane.Rows-1)+int64(plane.RowBytes)
		planes[i] = frame.Plane{Data: slot[at : at+bytes : at+bytes+frame.Overread], Pitch: int(p.pitch[i])}
	}
	return planes
}

// Recycle implements [frame.Memory].
func (m *memory) Recycle(f *frame.Frame) {
	h := (*handle)(unsafe.Pointer(f))
	m.mu.Lock()
	defer m.mu.Unlock()
	f.Planes = [3]frame.Plane{}
	r := h.region
	h.region = nil
	m.account.Book(-1, 0)
	r.live--
	if r.lent && h.release != 0 {
		m.released = append(m.released, h.release)
	}
	m.settleLocked(r)
	if len(m.idle) < keepHandles {
		m.idle = append(m.idle, h)
	}
}

// Place implements [frame.Shared].
func (m *memory) Place(f *frame.Frame) (frame.Place, bool) {
	h := (*handle)(unsafe.Pointer(f))
	m.mu.Lock()
	defer m.mu.Unlock()
	r := h.region
	if !r.shared || r.removed {
		return frame.Place{}, false
	}
	return frame.Place{Region: r.public, Slot: h.slot, Generation: h.generation}, true
}

// Ready implements [frame.Shared]. The pixels are there when the frame is.
func (m *memory) Ready(f *frame.Frame) error {
	if r := (*handle)(unsafe.Pointer(f)).region; r.shared {
		if err := r.memory.Err(); err != nil {
			return fmt.Errorf("%w: %w", frame.ErrLost, err)
		}
	}
	return nil
}
