package avcodec

import (
	"sync"
	"unsafe"

	"github.com/asticode/go-astiav"

	"github.com/frameport/frameport/frame"
)

// keepPictures bounds the idle handles of one decoder. A handle is an empty
// AVFrame, half a kilobyte; its pixels are long back in libavcodec's pool.
const keepPictures = 32

// picture is a frame whose pixels are a libavcodec picture.
type picture struct {
	// The frame comes first: Recycle finds the picture by its frame's address.
	frame frame.Frame
	av    *astiav.Frame
	bytes int64
	// Where the pixels lie for other processes; nil when they can't map them.
	region *region
	place  frame.Place
}

// pictures hands out picture handles and takes them back. It outlives its
// decoder: the last frame out frees itself. It is the [frame.Memory] of all
// frames of the decoder that were not converted.
type pictures struct {
	account *frame.Account

	mu     sync.Mutex
	idle   []*picture
	closed bool
}

var _ frame.Shared = (*pictures)(nil)

func (p *pictures) get() (*picture, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		pic := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return pic, nil
	}
	p.mu.Unlock()
	av := astiav.AllocFrame()
	if av == nil {
		return nil, &Error{Op: "alloc frame", Text: "out of memory"}
	}
	return &picture{av: av}, nil
}

// put takes a handle back whose picture has been given up.
func (p *pictures) put(pic *picture) {
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < keepPictures
	if keep {
		p.idle = append(p.idle, pic)
	}
	p.mu.Unlock()
	if !keep {
		pic.av.Free()
	}
}

// publish starts the life of the picture's frame, with one reference.
// bytes are those that nobody else has booked.
func (p *pictures) publish(pic *picture, info frame.Info, planes [3]frame.Plane, bytes int64) *frame.Frame {
	pic.bytes = bytes
	p.account.Book(1, bytes)
	pic.frame.Reset(info, planes, p)
	return &pic.frame
}

// Recycle implements [frame.Memory].
func (p *pictures) Recycle(f *frame.Frame) {
	pic := (*picture)(unsafe.Pointer(f))
	f.Planes = [3]frame.Plane{} // they point into memory that is not ours any more
	r := pic.region
	pic.region, pic.place = nil, frame.Place{}
	unrefPicture(pic.av)
	p.account.Book(-1, -pic.bytes)
	p.put(pic)
	if r != nil {
		r.settle()
	}
}

// Place implements [frame.Shared].
func (p *pictures) Place(f *frame.Frame) (frame.Place, bool) {
	pic := (*picture)(unsafe.Pointer(f))
	return pic.place, pic.region != nil
}

// Ready implements [frame.Shared]. The pixels are there when the frame is.
func (p *pictures) Ready(f *frame.Frame) error {
	if r := (*picture)(unsafe.Pointer(f)).region; r != nil {
		return r.lost()
	}
	return nil
}

func (p *pictures) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, pic := range idle {
		pic.av.Free()
	}
}
