package avcodec

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

// planeAlign keeps rows on vector boundaries, as libavcodec wants them at most.
const planeAlign = 64

// behind is what libavcodec's own buffers have behind each plane, and more than
// [frame.Overread].
const behind = 16 + planeAlign - 1

// shape is what all pictures in a region have in common.
type shape struct {
	direct         bool // libavcodec decodes into it; otherwise pictures are converted into it
	codedW, codedH int  // direct: of the buffer that libavcodec asks for
	crop           [3]crop
	width, height  int // displayed
	color          media.Color
}

// crop is where in a plane the displayed picture begins, in bytes and rows.
type crop struct{ left, top int }

// layout is how a slot is divided. It belongs to buffers of width x height.
type layout struct {
	width, height      int
	pitch              [3]int
	offset             [3]int64
	generation, stride int64
}

// newLayout lays out a slot for I420 whose luma has at least w bytes in each of h rows.
// The pitch of chroma is half of that of luma, which codec libraries count on.
func newLayout(w, h int) (l layout) {
	for w%planeAlign != 0 || (w+1)/2%planeAlign != 0 {
		w += w & -w
	}
	l.pitch = [3]int{w, (w + 1) / 2, (w + 1) / 2}
	rows := [3]int{h, (h + 1) / 2, (h + 1) / 2}
	var end int64
	for i := range l.pitch {
		l.offset[i] = end
		end = align(end+int64(l.pitch[i])*int64(rows[i])+behind, planeAlign)
	}
	l.generation = end
	l.stride = align(end+8, int64(os.Getpagesize()))
	return l
}

func align(n, to int64) int64 { return (n + to - 1) / to * to }

// region is shared memory with the pictures that lie in it. It outlives its decoder:
// whoever drops the last picture of one that has ended closes it.
type region struct {
	frame.Region
	shape   shape
	layout  layout
	room    int // frames that other processes can hold
	served  int // pictures that were delivered from it
	account *frame.Account
	memory  *shm.Region
	slots   slots

	mu     sync.Mutex
	ended  bool // no slot is taken any more
	closed bool
	harmed bool // somebody has shortened the file, and shortened has told so
}

// newRegion makes a region of so many slots.
func newRegion(folder *shm.Folder, s shape, l layout, count int, account *frame.Account) (*region, error) {
	memory, err := folder.Create(l.stride * int64(count))
	if err != nil {
		return nil, err
	}
	table, err := newSlots(memory.Bytes(), l, count, memory.Sparse())
	if err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	r := &region{shape: s, layout: l, account: account, memory: memory, slots: table}
	r.Region = frame.Region{
		Name: memory.Name(), Path: memory.Path(),
		Bytes: l.stride * int64(count), Slots: count, Stride: l.stride,
		Format: media.PixelI420, Width: s.width, Height: s.height, Color: s.color,
		Generation: l.generation,
	}
	sizes, n := media.PixelI420.Planes(s.width, s.height)
	for i, size := range sizes[:n] {
		r.Planes = append(r.Planes, frame.PlaneLayout{
			Offset: l.offset[i] + int64(s.crop[i].top*l.pitch[i]+s.crop[i].left),
			Pitch:  l.pitch[i], Rows: size.Rows,
		})
	}
	account.Book(0, r.Bytes)
	return r, nil
}

// slotAt is the slot that begins at start, which somebody holds; -1 when the memory is
// not of this region.
func (r *region) slotAt(start unsafe.Pointer) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return -1 // something else may be at its address now
	}
	first := uintptr(unsafe.Pointer(unsafe.SliceData(r.memory.Bytes())))
	at := uintptr(start)
	if at < first || at-first >= uintptr(r.Bytes) {
		return -1
	}
	return int(int64(at-first) / r.Stride)
}

// planes are those of a slot that the caller holds.
func (r *region) planes(slot int) (planes [3]frame.Plane) {
	memory := r.memory.Bytes()[int64(slot)*r.Stride:]
	sizes, _ := r.Format.Planes(r.Width, r.Height)
	for i, p := range r.Planes {
		n := int64(p.Pitch*(p.Rows-1) + sizes[i].RowBytes)
		planes[i] = frame.Plane{Data: memory[p.Offset : p.Offset+n : p.Offset+n+frame.Overread], Pitch: p.Pitch}
	}
	return planes
}

// put notes that pic, which the caller holds, lies in a slot.
func (r *region) put(pic *picture, slot int) {
	pic.region = r
	pic.place = frame.Place{Region: &r.Region, Slot: slot, Generation: r.slots.generation(slot)}
	r.served++
}

// lost says why other processes can't see the region any more. The caller holds one of
// its pictures, or is the goroutine that has not ended it.
func (r *region) lost() error {
	if err := r.memory.Err(); err != nil {
		return fmt.Errorf("%w: %w", frame.ErrLost, err)
	}
	return nil
}

// shortened says, once, that the pictures in the region are gone.
func (r *region) shortened() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.harmed || r.memory.Whole() {
		return false
	}
	r.harmed = true
	return true
}

// end says that no slot will be taken any more, and is settle besides.
func (r *region) end() (closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	return r.settleLocked()
}

// settle closes the region when it has ended and nothing is left in it. Everybody who
// gives a picture back calls it afterwards: the last one finds no slot taken. What
// fails is a file that can't be removed, which the folder finds when it is closed.
func (r *region) settle() (closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settleLocked()
}

func (r *region) settleLocked() bool {
	if r.ended && !r.closed && r.slots.out() == 0 {
		r.closed = true
		r.slots.free()
		_ = r.memory.Close()
		r.account.Book(0, -r.Bytes)
	}
	return r.closed
}
