package camera

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/rtsp"
)

// Add adds a camera and returns at once; connecting goes on behind. Adding it again
// with an equal specification returns the existing one. Errors: [*config.Problems],
// [ErrExists], [ErrTooMany], [ErrBackend], [ErrNoRoom], [ErrOverloaded], [ErrNotSaved], [ErrStopping],
// ctx's while it waited for its turn.
func (m *Manager) Add(ctx context.Context, id string, spec config.Camera) (Snapshot, error) {
	spec, err := prepare(id, spec)
	if err != nil {
		return Snapshot{}, err
	}
	var out Snapshot
	err = m.together(ctx, id, func(more int) (*staged, error) {
		m.mu.Lock()
		e, count, stopping := m.cameras[id], len(m.cameras)+more, m.stopping
		m.mu.Unlock()
		switch {
		case stopping:
			return nil, ErrStopping
		case e != nil:
			if have, _, _ := e.camera.specification(); !have.Equal(spec) {
				return nil, fmt.Errorf("%w: %s; update it, or remove it first", ErrExists, id)
			}
			out = e.camera.snapshot()
			return nil, nil
		case count >= m.cfg.MaxCameras:
			return nil, fmt.Errorf("%w: %d are allowed; remove one, or raise the worker's --max-cameras", ErrTooMany, m.cfg.MaxCameras)
		}
		if err := m.full(stopAdmitting); err != nil {
			return nil, err
		}
		if err := m.crowded(spec); err != nil {
			return nil, err
		}
		release, err := m.cfg.Admit(id, spec)
		if err != nil {
			return nil, err
		}
		added := failpoint.Now()
		return &staged{
			more:    1,
			edit:    func(r map[string]config.Record) { r[id] = config.Record{ID: id, Spec: spec, Added: added} },
			abandon: release,
			commit: func() {
				m.mu.Lock()
				delete(m.removed, id)
				c := m.addLocked(id, spec, nil, added, true, release)
				m.mu.Unlock()
				m.notifier.changed()
				out = c.snapshot()
			},
		}, nil
	})
	return out, err
}

// Update changes a camera's specification: change gets the one in force and returns
// the new one, and its error is returned as it is. All of the update is in force or
// none of it. The camera reconnects only for a new address, login, transport or
// TLS. Errors: [ErrNotFound], [*config.Problems], [ErrBackend], [ErrNotSaved],
// [ErrStopping], ctx's while it waited for its turn.
func (m *Manager) Update(ctx context.Context, id string, change func(config.Camera) (config.Camera, error)) (Snapshot, error) {
	var out Snapshot
	err := m.together(ctx, id, func(int) (*staged, error) {
		m.mu.Lock()
		e, stopping := m.cameras[id], m.stopping
		m.mu.Unlock()
		if stopping {
			return nil, ErrStopping
		}
		if e == nil {
			return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		old, _, invalid := e.camera.specification()
		spec, err := change(old.Clone())
		if err != nil {
			return nil, err
		}
		spec.ForgetLogin(old)
		if spec, err = prepare(id, spec); err != nil {
			return nil, err
		}
		if spec.Equal(old) && invalid == nil {
			out = e.camera.snapshot()
			return nil, nil
		}
		release, err := m.cfg.Admit(id, spec)
		if err != nil {
			return nil, err
		}
		return &staged{
			edit:    func(r map[string]config.Record) { r[id] = config.Record{ID: id, Spec: spec, Added: e.camera.added} },
			abandon: release,
			commit: func() {
				m.mu.Lock()
				e.owned = true
				m.mu.Unlock()
				e.camera.apply(spec, release)
				out = e.camera.snapshot()
			},
		}, nil
	})
	return out, err
}

// Remove removes a camera. It returns when every goroutine, descriptor and byte of
// it is gone, but for frames that readers still hold. When ctx ends before that the
// camera is removed all the same. Errors: [ErrNotFound], [ErrNotSaved], ctx's.
func (m *Manager) Remove(ctx context.Context, id string) error {
	c, err := m.take(ctx, id)
	if err != nil {
		return err
	}
	c.stop(ErrRemoved)
	m.notifier.changed()
	defer m.forget()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take takes a camera out of the set and of the store.
func (m *Manager) take(ctx context.Context, id string) (*camera, error) {
	var out *camera
	err := m.together(ctx, id, func(int) (*staged, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		e, declared := m.cameras[id], m.declared[id]
		if e == nil {
			return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		s := &staged{more: -1, commit: func() {
			m.remove(e.camera, declared)
			out = e.camera
		}}
		if declared || e.owned {
			s.edit = func(r map[string]config.Record) {
				delete(r, id)
				if declared {
					r[id] = config.Record{ID: id, Removed: true}
				}
			}
		}
		return s, nil
	})
	return out, err
}

// remove takes a camera out of the set.
func (m *Manager) remove(c *camera, declared bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.cameras, c.id)
	if declared {
		m.removed[c.id] = true
	}
	m.leaving[c.id] = c.done
	if i := slices.Index(m.pending, c); i >= 0 { // Run has not started it and need not
		m.pending = slices.Delete(m.pending, i, i+1)
		c.never(ErrRemoved)
	}
}

// forget ends the memory of removed cameras that are gone.
func (m *Manager) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, done := range m.leaving {
		select {
		case <-done:
			delete(m.leaving, id)
		default:
		}
	}
}

// save stores the cameras that the API owns, as edits change them. m.turn is held.
func (m *Manager) save(ctx context.Context, edits []func(map[string]config.Record)) error {
	if m.cfg.Store == nil {
		return nil
	}
	records := map[string]config.Record{}
	m.mu.Lock()
	for id, e := range m.cameras {
		if e.owned {
			spec, _, _ := e.camera.specification()
			records[id] = config.Record{ID: id, Spec: spec, Added: e.camera.added}
		}
	}
	for id := range m.removed {
		records[id] = config.Record{ID: id, Removed: true}
	}
	m.mu.Unlock()
	for _, edit := range edits {
		edit(records)
	}
	list := make([]config.Record, 0, len(records))
	for _, r := range records {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b config.Record) int { return strings.Compare(a.ID, b.ID) })
	if err := m.cfg.Store.Save(ctx, list); err != nil {
		return fmt.Errorf("%w and is not in force: %w", ErrNotSaved, err)
	}
	return nil
}

// prepare completes a specification and reports everything that is wrong with it.
func prepare(id string, spec config.Camera) (config.Camera, error) {
	problems := &config.Problems{}
	note := func(err error) (ok bool) {
		if p, is := errors.AsType[*config.Problems](err); is {
			problems.List = append(problems.List, p.List...)
		}
		return err == nil
	}
	spec = spec.Clone()
	note(config.ValidCameraID(id))
	moved := note(spec.MoveUserInfo())
	spec.EnsureDefaults()
	if valid := note(spec.Validate()); moved && (valid || !problems.About("spec.url")) {
		u, _, err := rtsp.ParseURL(spec.URL)
		if err != nil {
			problems.Add("spec.url", config.ReasonURL, "%s", strings.TrimPrefix(err.Error(), rtsp.ErrURL.Error()+": "))
		} else {
			spec.URL = u.String()
		}
	}
	return spec, problems.ErrorOrNil()
}
