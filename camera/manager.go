package camera

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/rtsp/retry"
)

// ManagerConfig is what a manager is made from.
type ManagerConfig struct {
	// NewSource makes the source of a camera; the logger carries its id. It does no
	// I/O. Limits on logins and on dials at the same time (rtsp.LoginBudget,
	// rtsp.DialLimiter) are shared by what it closes over.
	NewSource  func(config.Camera, *slog.Logger) (Source, error)
	NewDecoder NewDecoder
	// Admit finds room for a camera, or says why this worker can't serve such a
	// specification, with an error that wraps ErrBackend or ErrNoRoom. release gives
	// the room back; it is called once, when the camera is gone or another
	// specification has been admitted for it. Nil = everything is admitted. Restored
	// and declared cameras are taken without room as well, and may fail to decode.
	Admit func(id string, spec config.Camera) (release func(), err error)
	// DeviceMemory says what a camera holds of device memory; nil = nothing.
	DeviceMemory func(id string) DeviceMemory
	// Decoded is told how long each access unit took to decode, on the decoding
	// goroutine; nil = nobody wants to know.
	Decoded func(time.Duration)
	// Store keeps what the API changed; nil = nothing survives a restart.
	Store Store
	// Restored is what Store held at the start, Declared what the camera file and
	// the environment say. See Note: [Who owns a camera] in package config.
	Restored []config.Record
	Declared []config.Declared
	// Account is where all frames are booked; nil = an own one.
	Account *frame.Account
	Logger  *slog.Logger // nil = none
	// MaxCameras bounds Add; 0 = config.DefaultMaxCameras. What is restored and
	// declared is always taken.
	MaxCameras int
	// UnitMemory bounds the bytes of all access units that wait to be decoded or are
	// being decoded; 0 = config.DefaultUnitMemory. When it is reached, whole GOPs go of
	// the camera that holds most.
	UnitMemory int64
	// Pressure returns how much of the memory limit the process uses, from 0 to 1. It is
	// asked once a second; nil = there is no limit. See Note: [Overload].
	Pressure func() float64
	// Processors is how many cameras may be late at the same time before that is taken for
	// an overload, in which those that were added last give way; 0 = none ever does. See
	// Note: [Rationing].
	Processors int
	// Waited is told how long each access unit waited to be decoded, on the decoding
	// goroutine; nil = nobody wants to know.
	Waited func(time.Duration)
}

// Store keeps cameras across restarts; statefile.File is one.
type Store interface {
	// Save replaces what is kept. With nil returned it survives a crash. Calls do
	// not overlap.
	Save(ctx context.Context, records []config.Record) error
}

// Manager owns all cameras. Its methods may be called from any goroutine; changes
// of one camera happen one after another.
type Manager struct {
	cfg      ManagerConfig
	log      *slog.Logger
	tools    tools
	notifier notifier
	start    chan struct{} // has room for one: there are cameras to start
	pressure atomic.Uint64 // bits of what Pressure said last
	short    atomic.Int64  // cameras that are decoded less than they should be, for want of processors

	turn sync.Mutex // held over changes and their saving; before mu

	mu       sync.Mutex
	cameras  map[string]*entry
	leaving  map[string]<-chan struct{} // removed, not gone yet
	removed  map[string]bool            // declared, but removed through the API
	declared map[string]bool
	pending  []*camera // to be started by Run
	waiting  []*change // for their turn; see Note: [Changes saved together]
	stopping bool
}

// entry is a camera of the set.
type entry struct {
	camera *camera
	// owned is true when the API added or changed it, so that the store keeps it.
	owned bool
}

// NewManager returns a manager with the restored and declared cameras. They are
// listed at once and start in Run.
func NewManager(cfg ManagerConfig) *Manager {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Admit == nil {
		cfg.Admit = func(string, config.Camera) (func(), error) { return func() {}, nil }
	}
	if cfg.DeviceMemory == nil {
		cfg.DeviceMemory = func(string) DeviceMemory { return DeviceMemory{} }
	}
	if cfg.Decoded == nil {
		cfg.Decoded = func(time.Duration) {}
	}
	if cfg.Waited == nil {
		cfg.Waited = func(time.Duration) {}
	}
	if cfg.Account == nil {
		cfg.Account = &frame.Account{}
	}
	if cfg.MaxCameras <= 0 {
		cfg.MaxCameras = config.DefaultMaxCameras
	}
	if cfg.UnitMemory <= 0 {
		cfg.UnitMemory = int64(config.DefaultUnitMemory)
	}
	m := &Manager{
		cfg: cfg, log: cfg.Logger, start: make(chan struct{}, 1),
		cameras: map[string]*entry{}, leaving: map[string]<-chan struct{}{},
		removed: map[string]bool{}, declared: map[string]bool{},
	}
	m.tools = tools{
		newSource: cfg.NewSource, newDecoder: cfg.NewDecoder, buffers: &buffers{limit: cfg.UnitMemory}, changed: m.notifier.changed,
		newRetry: func() retrier { return retry.New(nil) }, decoded: cfg.Decoded, waited: cfg.Waited, deviceMemory: cfg.DeviceMemory,
	}
	m.restore()
	return m
}

// Run runs all cameras until ctx ends, and returns when they are gone. It returns
// ctx's error and may be called once.
func (m *Manager) Run(ctx context.Context) error {
	var cameras sync.WaitGroup
	if m.cfg.Pressure != nil || m.cfg.Processors > 0 {
		cameras.Go(func() { m.guard(ctx) })
	}
	for ctx.Err() == nil {
		m.mu.Lock()
		pending := m.pending
		m.pending = nil
		m.mu.Unlock()
		for _, c := range pending {
			cameras.Go(func() { c.run(ctx) })
		}
		select {
		case <-m.start:
		case <-ctx.Done():
		}
	}
	m.turn.Lock() // no change may be saved and then not be in force
	m.mu.Lock()
	m.stopping = true
	pending := m.pending
	m.pending = nil
	all := make([]*camera, 0, len(m.cameras))
	for _, e := range m.cameras {
		all = append(all, e.camera)
	}
	m.mu.Unlock()
	m.turn.Unlock()
	for _, c := range all {
		c.stop(ErrStopping)
	}
	for _, c := range pending {
		cameras.Go(func() { c.run(ctx) })
	}
	cameras.Wait()
	return ctx.Err()
}

// Get returns one camera, or [ErrNotFound].
func (m *Manager) Get(id string) (Snapshot, error) {
	f, err := m.Feed(id)
	if err != nil {
		return Snapshot{}, err
	}
	return f.Snapshot(), nil
}

// List returns all cameras by rising id.
func (m *Manager) List() []Snapshot {
	m.mu.Lock()
	all := make([]*camera, 0, len(m.cameras))
	for _, e := range m.cameras {
		all = append(all, e.camera)
	}
	m.mu.Unlock()
	slices.SortFunc(all, func(a, b *camera) int { return strings.Compare(a.id, b.id) })
	out := make([]Snapshot, len(all))
	for i, c := range all {
		out[i] = c.snapshot()
	}
	return out
}

// Feed returns the frames of a camera, or [ErrNotFound].
func (m *Manager) Feed(id string) (*Feed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.cameras[id]
	if e == nil {
		return nil, ErrNotFound
	}
	return &Feed{e.camera}, nil
}

// Watch sends to ch, without blocking, after every change of a camera (state,
// fault, specification) and of the set; not per frame. ch should have room for one.
// The returned function ends it and may be called more than once.
func (m *Manager) Watch(ch chan<- struct{}) (stop func()) { return m.notifier.watch(ch) }

// Revision rises with every change that Watch reports. Snapshot.Revision is the
// revision of the camera's last change.
func (m *Manager) Revision() uint64 { return m.notifier.revision.Load() }

// UnitMemory returns the bytes of all access units that wait to be decoded or are being
// decoded.
func (m *Manager) UnitMemory() int64 { return m.tools.buffers.lent.Load() }

// addLocked makes a camera and has Run start it; release gives its room back. m.mu is
// held.
func (m *Manager) addLocked(id string, spec config.Camera, invalid error, added time.Time, owned bool, release func()) *camera {
	c := newCamera(id, spec, invalid, added, m.log, m.cfg.Account, m.tools)
	c.release = release
	c.after = m.leaving[id]
	m.cameras[id] = &entry{camera: c, owned: owned}
	m.pending = append(m.pending, c)
	select {
	case m.start <- struct{}{}:
	default:
	}
	return c
}

// restore joins what the store held with what is declared.
func (m *Manager) restore() {
	restored := map[string]config.Record{}
	for _, r := range m.cfg.Restored {
		restored[r.ID] = r
	}
	now := failpoint.Now()
	for _, d := range m.cfg.Declared {
		m.declared[d.ID] = true
		r, known := restored[d.ID]
		spec, err := prepare(d.ID, d.Spec)
		switch {
		case known && r.Removed:
			m.removed[d.ID] = true
			m.log.Info("declared camera stays removed, because it was removed through the API; add it through the API, "+
				"or take it out of its declaration for one start, to have it again", "camera", d.ID, "declared", d.Origin)
		case known:
			if err == nil && !spec.Equal(r.Spec) {
				m.log.Info("declared camera was changed through the API, which goes before its declaration", "camera", d.ID, "declared", d.Origin)
			}
		default:
			m.restoreOne(d.ID, spec, err, now, false)
		}
	}
	for _, r := range m.cfg.Restored {
		if !r.Removed {
			spec, err := prepare(r.ID, r.Spec)
			m.restoreOne(r.ID, spec, err, r.Added, true)
		}
	}
	m.cfg.Restored, m.cfg.Declared = nil, nil
}

// restoreOne adds a camera also when its specification is wrong by now, so that it
// is seen and can be corrected.
func (m *Manager) restoreOne(id string, spec config.Camera, err error, added time.Time, owned bool) {
	if err != nil {
		m.log.Error("camera can't be started: update or remove it", "camera", id, "error", err)
	}
	release := func() {}
	if err == nil {
		if r, aerr := m.cfg.Admit(id, spec); aerr == nil {
			release = r
		} else {
			m.log.Warn("the camera would not be admitted now; it is tried all the same", "camera", id, "error", aerr)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addLocked(id, spec, err, added, owned, release)
}
