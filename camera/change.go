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
// [ErrExists], [ErrTooMany], [ErrBackend], [ErrNoRoom], [ErrOverloaded], [ErrNotSaved], [ErrStopping].
func (m *Manager) Add(ctx context.Context, id string, spec config.Camera) (Snapshot, error) {
	spec, err := prepare(id, spec)
	if err != nil {
		return Snapshot{}, err
	}
	m.change.Lock()
	defer m.change.Unlock()
	m.mu.Lock()
	e, count, stopping := m.cameras[id], len(m.cameras), m.stopping
	m.mu.Unlock()
	switch {
	case stopping:
		return Snapshot{}, ErrStopping
	case e != nil:
		if have, _, _ := e.camera.specification(); !have.Equal(spec) {
			return Snapshot{}, fmt.Errorf("%w: %s; update it, or remove it first", ErrExists, id)
		}
		return e.camera.snapshot(), nil
	case count >= m.cfg.MaxCameras:
		return Snapshot{}, fmt.Errorf("%w: %d are allowed; remove one, or raise the worker's --max-cameras", ErrTooMany, m.cfg.MaxCameras)
	}
	if err := m.full(stopAdmitting); err != nil {
		return Snapshot{}, err
	}
	if err := m.crowded(spec); err != nil {
		return Snapshot{}, err
	}
	release, err := m.cfg.Admit(id, spec)
	if err != nil {
		return Snapshot{}, err
	}
	added := failpoint.Now()
	err = m.save(ctx, func(r map[string]config.Record) {
		r[id] = config.Record{ID: id, Spec: spec, Added: added}
	})
	if err != nil {
		release()
		return Snapshot{}, err
	}
	m.mu.Lock()
	delete(m.removed, id)
	c := m.addLocked(id, spec, nil, added, true, release)
	m.mu.Unlock()
	m.notifier.changed()
	return c.snapshot(), nil
}

// Update changes a camera's specification: change gets the one in force and returns
// the new one, and its error is returned as it is. All of the update is in force or
// none of it. The camera reconnects only for a new address, login, transport or
// TLS. Errors: [ErrNotFound], [*config.Problems], [ErrBackend], [ErrNotSaved],
// [ErrStopping].
func (m *Manager) Update(ctx context.Context, id string, change func(config.Camera) (config.Camera, error)) (Snapshot, error) {
	m.change.Lock()
	defer m.change.Unlock()
	m.mu.Lock()
	e, stopping := m.cameras[id], m.stopping
	m.mu.Unlock()
	if stopping {
		return Snapshot{}, ErrStopping
	}
	if e == nil {
		return Snapshot{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	old, _, invalid := e.camera.specification()
	spec, err := change(old.Clone())
	if err != nil {
		return Snapshot{}, err
	}
	spec.ForgetLogin(old)
	if spec, err = prepare(id, spec); err != nil {
		return Snapshot{}, err
	}
	if spec.Equal(old) && invalid == nil {
		return e.camera.snapshot(), nil
	}
	release, err := m.cfg.Admit(id, spec)
	if err != nil {
		return Snapshot{}, err
	}
	err = m.save(ctx, func(r map[string]config.Record) {
		r[id] = config.Record{ID: id, Spec: spec, Added: e.camera.added}
	})
	if err != nil {
		release()
		return Snapshot{}, err
	}
	m.mu.Lock()
	e.owned = true
	m.mu.Unlock()
	e.camera.apply(spec, release)
	return e.camera.snapshot(), nil
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
	m.change.Lock()
	defer m.change.Unlock()
	m.mu.Lock()
	e, declared := m.cameras[id], m.declared[id]
	m.mu.Unlock()
	if e == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if declared || e.owned {
		err := m.save(ctx, func(r map[string]config.Record) {
			delete(r, id)
			if declared {
				r[id] = config.Record{ID: id, Removed: true}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.cameras, id)
	if declared {
		m.removed[id] = true
	}
	m.leaving[id] = e.camera.done
	if i := slices.Index(m.pending, e.camera); i >= 0 { // Run has not started it and need not
		m.pending = slices.Delete(m.pending, i, i+1)
		e.camera.never(ErrRemoved)
	}
	return e.camera, nil
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

// save stores the cameras that the API owns, as edit changes them. m.change is held.
func (m *Manager) save(ctx context.Context, edit func(map[string]config.Record)) error {
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
	edit(records)
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
