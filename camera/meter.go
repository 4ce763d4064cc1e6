package camera

import (
	"sync"
	"time"
)

const (
	meterSlots = 16
	meterSlot  = 500 * time.Millisecond
)

// meter measures rates over the last 8 s. It has one writer and any readers.
type meter struct {
	mu    sync.Mutex
	base  time.Time // of slot numbers; zero before the first event
	slots [meterSlots]struct {
		number int64
		events int
		bytes  int
	}
}

func (m *meter) add(now time.Time, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.base.IsZero() {
		m.base = now
	}
	n := int64(now.Sub(m.base) / meterSlot)
	s := &m.slots[n%meterSlots]
	if s.number != n {
		s.number, s.events, s.bytes = n, 0, 0
	}
	s.events++
	s.bytes += bytes
}

// rates returns events and bytes per second; 0 in the first half second.
func (m *meter) rates(now time.Time) (events, bytes float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.base.IsZero() {
		return 0, 0
	}
	age := now.Sub(m.base)
	newest := int64(age / meterSlot)
	oldest := max(newest-meterSlots+1, 0)
	span := age - time.Duration(oldest)*meterSlot
	if span < meterSlot {
		return 0, 0
	}
	for _, s := range m.slots {
		if s.number >= oldest && s.number <= newest {
			events += float64(s.events)
			bytes += float64(s.bytes)
		}
	}
	return events / span.Seconds(), bytes / span.Seconds()
}
