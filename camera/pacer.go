package camera

import "time"

// pacer thins frames out to a rate, on a grid of presentation times, so that the
// mean rate is exact however the source's frames fall between the grid's lines. A
// frame may come a quarter of the interval early: a source that runs at the limit
// with jitter loses none.
type pacer struct {
	interval time.Duration // of the grid in force
	origin   time.Duration // a line of the grid
	due      time.Duration // the next line
	started  bool
}

// reset forgets the grid: the next frame is taken and becomes its origin.
func (p *pacer) reset() { p.started = false }

// take reports whether the frame at pts is one to keep. interval is 0 for all.
func (p *pacer) take(pts, interval time.Duration) bool {
	if interval <= 0 {
		p.started = false
		return true
	}
	early := interval / 4
	// A time line that jumped back, and a changed rate, start a new grid.
	if !p.started || interval != p.interval || pts < p.due-2*interval {
		*p = pacer{interval: interval, origin: pts, due: pts, started: true}
	}
	if pts < p.due-early {
		return false
	}
	p.due = p.origin + ((pts+early-p.origin)/interval+1)*interval
	return true
}
