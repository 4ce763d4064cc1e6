package frame

import (
	"sync"

	"github.com/frameport/frameport/media"
)

// rowAlign keeps rows on vector boundaries (AVX-512 is 64 bytes).
const rowAlign = 64

// Pool makes frames in host memory and takes their memory back. It keeps at most
// a fixed number of idle buffers, all of one shape: a new shape frees the idle
// buffers of the old one, so a camera that changes size leaves nothing behind.
type Pool struct {
	account *Account

	mu     sync.Mutex
	shape  shape
	idle   []*Frame
	keep   int
	closed bool
}

type shape struct {
	format media.PixelFormat
	w, h   int
}

// NewPool returns a pool that keeps up to keep idle buffers and books into
// account (nil: not counted).
func NewPool(keep int, account *Account) *Pool {
	return &Pool{account: account, keep: keep}
}

// Get returns a frame of the given layout with one reference and undefined
// pixels. Info holds only format and size. Rows are padded to 64 bytes.
func (p *Pool) Get(format media.PixelFormat, w, h int) *Frame {
	s := shape{format, w, h}
	p.mu.Lock()
	var drop []*Frame
	if s != p.shape {
		drop, p.idle, p.shape = p.idle, nil, s
	}
	var f *Frame
	if n := len(p.idle); n > 0 {
		f, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	p.mu.Unlock()
	for _, d := range drop {
		p.account.Book(0, -bytesOf(d))
	}
	planes := [3]Plane{}
	if f == nil {
		f = &Frame{}
		planes = allocate(format, w, h)
		f.Planes = planes
		p.account.Book(0, bytesOf(f))
	} else {
		planes = f.Planes
	}
	f.Reset(Info{Format: format, Width: w, Height: h}, planes, p)
	p.account.Book(1, 0)
	return f
}

// Recycle implements [Memory].
func (p *Pool) Recycle(f *Frame) {
	p.account.Book(-1, 0)
	p.mu.Lock()
	kept := !p.closed && len(p.idle) < p.keep && p.shape == shape{f.Format, f.Width, f.Height}
	if kept {
		p.idle = append(p.idle, f)
	}
	p.mu.Unlock()
	if !kept {
		p.account.Book(0, -bytesOf(f))
	}
}

// Close gives the idle buffers up. Frames that are still out stay valid and are
// freed with their last reference.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, f := range idle {
		p.account.Book(0, -bytesOf(f))
	}
	return nil
}

func allocate(format media.PixelFormat, w, h int) (planes [3]Plane) {
	sizes, n := format.Planes(w, h)
	total := 0
	for _, s := range sizes[:n] {
		total += pitchOf(s) * s.Rows
	}
	buf := make([]byte, total+Overread)
	for i, s := range sizes[:n] {
		pitch := pitchOf(s)
		planes[i] = Plane{Data: buf[: pitch*s.Rows : pitch*s.Rows+Overread], Pitch: pitch}
		buf = buf[pitch*s.Rows:]
	}
	return planes
}

func pitchOf(s media.PlaneSize) int { return (s.RowBytes + rowAlign - 1) / rowAlign * rowAlign }

func bytesOf(f *Frame) (n int64) {
	for _, p := range f.Planes {
		n += int64(len(p.Data))
	}
	return n
}
