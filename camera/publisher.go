package camera

import (
	"time"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
)

// selectedMax is more pictures than any decoder holds between choosing and
// delivering them.
const selectedMax = 32

// publisher numbers decoded pictures, applies max_fps and puts frames into the
// ring. It belongs to the decode goroutine and outlives decoders and pipelines.
type publisher struct {
	ring      *frame.Ring
	totals    *totals
	rate      *meter
	published func(epoch uint64) // after each publish of a whole picture
	damaged   func(epoch uint64) // after each publish of a damaged one

	interval time.Duration // of max_fps; 0 = all
	pacer    pacer
	epoch    uint64
	sequence uint64
	clean    bool   // a frame without damage has been published in this epoch
	progress uint64 // rises with every picture that comes out as it should

	still still

	selected [selectedMax]selection // a ring: chosen, not delivered yet
	head, n  int
}

type selection struct {
	pts      time.Duration
	sequence uint64
}

// begin starts an epoch.
func (p *publisher) begin(epoch uint64) {
	p.epoch, p.sequence, p.clean = epoch, 0, false
	p.pacer.reset()
	p.forget()
}

// forget gives up what was chosen and has not been delivered.
func (p *publisher) forget() {
	p.totals.decode.Add(uint64(p.n))
	p.head, p.n = 0, 0
}

// choose is the decoder's Select: it numbers a picture and says whether it is
// wanted. Damaged pictures at the start of an epoch must not use up a turn of
// max_fps, so until a clean one all are wanted.
func (p *publisher) choose(pts time.Duration) bool {
	p.sequence++
	p.totals.decoded.Add(1)
	if p.clean {
		p.progress++
		if !p.pacer.take(pts, p.interval) {
			p.totals.policy.Add(1)
			return false
		}
	}
	if p.n == selectedMax {
		p.head = (p.head + 1) % selectedMax
		p.n--
		p.totals.decode.Add(1)
	}
	p.selected[(p.head+p.n)%selectedMax] = selection{pts, p.sequence}
	p.n++
	return true
}

// chosen finds the number that choose gave to the picture at pts. Pictures before
// it were chosen and never delivered.
func (p *publisher) chosen(pts time.Duration) (sequence uint64, ok bool) {
	for i := range p.n {
		s := p.selected[(p.head+i)%selectedMax]
		if s.pts == pts {
			p.head, p.n = (p.head+i+1)%selectedMax, p.n-i-1
			p.totals.decode.Add(uint64(i))
			return s.sequence, true
		}
	}
	return 0, false
}

// emit takes a picture from the decoder.
func (p *publisher) emit(f *frame.Frame) error {
	sequence, ok := p.chosen(f.PTS)
	if !ok { // a decoder that does not ask
		if !p.choose(f.PTS) {
			return nil
		}
		sequence, _ = p.chosen(f.PTS)
	}
	if !p.clean {
		if f.Corrupt {
			p.totals.decode.Add(1)
			return nil
		}
		p.clean = true
		p.progress++
		p.pacer.take(f.PTS, p.interval)
	}
	f.ID = frame.ID{Epoch: p.epoch, Sequence: sequence}
	f.Published = p.totals.published.Add(1)
	f.Dropped = p.totals.drops()
	p.totals.setLast(f, p.still.look(f))
	p.rate.add(failpoint.Now(), 0)
	p.ring.Publish(f)
	if f.Corrupt {
		p.totals.corrupt.Add(1)
		p.damaged(p.epoch)
	} else {
		p.published(p.epoch)
	}
	return nil
}
