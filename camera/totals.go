package camera

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/frame"
)

// totals are a camera's counters since it was added.
type totals struct {
	units, keyUnits                  atomic.Uint64
	decoded, published, corrupt      atomic.Uint64
	policy, network, decode, overrun atomic.Uint64 // dropped, by reason
	attempts, sessions               atomic.Uint64
	epoch                            atomic.Uint64
	offered, handled                 atomic.Uint64 // work to be decoded, and taken up; see workOf

	mu   sync.Mutex
	last lastFrame
}

// lastFrame is what is remembered of the newest frame.
type lastFrame struct {
	id            frame.ID
	received      time.Time
	unchanged     time.Time // since when the picture has been the same; zero = not known
	width, height int
}

// drops are the counts as frames carry them: a picture that the decoder was too
// slow for counts as dropped by decoding.
func (t *totals) drops() frame.Drops {
	return frame.Drops{Policy: t.policy.Load(), Network: t.network.Load(), Decode: t.decode.Load() + t.overrun.Load()}
}

func (t *totals) setLast(f *frame.Frame, unchanged time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = lastFrame{f.ID, f.Received, unchanged, f.Width, f.Height}
}

func (t *totals) getLast() lastFrame {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}
