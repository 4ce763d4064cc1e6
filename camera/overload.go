package camera

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Note: [Overload]
//
// When the process comes near its memory limit it does less, in steps, before the
// garbage collector takes all processors or the kernel ends everything: no new camera is
// admitted, then cameras are not decoded any more, one per second, those that were added
// last first, then the worker says that it is not ready. The cameras stay connected. Each
// is decoded again when there is room, those that were added first before the others.
const (
	stopAdmitting = 0.85
	stopDecoding  = 0.92
	notReady      = 0.97

	overloadTick = time.Second
	// overloadRest is how long it must have been quiet before a camera is decoded again.
	overloadRest = 10 * time.Second
)

// guard looks at the pressure until ctx ends.
func (m *Manager) guard(ctx context.Context) {
	ticker := time.NewTicker(overloadTick)
	defer ticker.Stop()
	var shed time.Time // when a camera was last not decoded any more
	work := rationing{processors: m.cfg.Processors}
	for {
		select {
		case now := <-ticker.C:
			if m.cfg.Pressure != nil {
				shed = m.relieve(now, shed)
			}
			if m.cfg.Processors > 0 {
				m.share(time.Now(), &work) // the tick may have waited
			}
		case <-ctx.Done():
			return
		}
	}
}

// relieve has cameras give way to the pressure, and come back. It takes and returns when
// one gave way last.
func (m *Manager) relieve(now, shed time.Time) time.Time {
	pressure := m.cfg.Pressure()
	m.pressure.Store(math.Float64bits(pressure))
	switch {
	case pressure >= stopDecoding:
		if c := m.youngest(); c != nil {
			c.unload()
		}
		return now
	case pressure < stopAdmitting && now.Sub(shed) >= overloadRest:
		if c := m.eldestUnloaded(); c != nil {
			c.reload()
		}
	}
	return shed
}

// youngest returns the camera that was added last of those that are decoded; nil = none.
func (m *Manager) youngest() (found *camera) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.cameras {
		c := e.camera
		if c.pipe.Load() != nil && !c.unloaded.Load() && (found == nil || c.younger(found)) {
			found = c
		}
	}
	return found
}

// eldestUnloaded returns the camera that was added first of those that are to be decoded
// and are not for want of memory; nil = none.
func (m *Manager) eldestUnloaded() (found *camera) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.cameras {
		if c := e.camera; c.unloaded.Load() && (found == nil || found.younger(c)) {
			found = c
		}
	}
	return found
}

// younger orders cameras by when they were added, and those of one moment by id.
func (c *camera) younger(o *camera) bool {
	return c.added.After(o.added) || c.added.Equal(o.added) && c.id > o.id
}

// unload ends the camera's decoding and keeps its newest frame only.
func (c *camera) unload() {
	c.mu.Lock()
	c.unloaded.Store(true)
	c.retireLocked()
	c.mu.Unlock()
	c.ring.Resize(1)
	c.log.Warn("not decoded any more: the worker's memory is nearly full")
}

// reload lets the camera be decoded again.
func (c *camera) reload() {
	c.mu.Lock()
	c.unloaded.Store(false)
	size := ringSize(c.spec)
	c.mu.Unlock()
	c.ring.Resize(size)
	c.log.Info("decoded again")
}

// Ready says why the worker should get no new work; nil = it may. It depends on no
// single camera.
func (m *Manager) Ready() error { return m.full(notReady) }

// full returns an error when the memory is as full as that.
func (m *Manager) full(limit float64) error {
	if p := math.Float64frombits(m.pressure.Load()); p >= limit {
		return fmt.Errorf("%w: %.0f %% of the worker's memory limit are used; remove cameras, or raise GOMEMLIMIT", ErrOverloaded, 100*p)
	}
	return nil
}
