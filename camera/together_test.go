package camera

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/frameport/frameport/config"
)

// slowStore is a store whose saves wait to be let through.
type slowStore struct {
	memory
	entered chan struct{} // a save has begun
	let     chan error    // its outcome
	broken  atomic.Bool   // it panics
}

func (g *slowStore) Save(ctx context.Context, r []config.Record) error {
	if g.broken.Load() {
		panic("broken")
	}
	g.entered <- struct{}{}
	if err := errors.Join(<-g.let, ctx.Err()); err != nil {
		return err
	}
	return g.memory.Save(ctx, r)
}

// burst holds the turn with an Add of "first" that is being saved, and has changes wait.
type burst struct {
	*world
	store   *slowStore
	results sync.WaitGroup
	waiting int
}

func newBurst(t *testing.T, change func(*ManagerConfig)) *burst {
	b := &burst{store: &slowStore{entered: make(chan struct{}), let: make(chan error)}}
	b.world = newWorld(t, func(c *ManagerConfig) {
		c.Store = b.store
		if change != nil {
			change(c)
		}
	})
	b.results.Go(func() {
		if _, err := b.m.Add(t.Context(), "first", config.Camera{URL: "rtsp://h/first"}); err != nil {
			t.Errorf("first: %v", err)
		}
	})
	<-b.store.entered
	return b
}

// wait starts a change and returns when it waits for its turn; check gets its outcome.
func (b *burst) wait(do func() error, check func(error)) {
	b.results.Go(func() { check(do()) })
	b.waiting++
	for {
		b.m.mu.Lock()
		n := len(b.m.waiting)
		b.m.mu.Unlock()
		if n == b.waiting {
			return
		}
		runtime.Gosched()
	}
}

func (b *burst) add(ctx context.Context, id string, check func(error)) {
	b.wait(func() error {
		_, err := b.m.Add(ctx, id, config.Camera{URL: "rtsp://h/" + id})
		return err
	}, check)
}

// save lets a save through that has begun.
func (b *burst) save(err error) { b.store.let <- err }

// nextSave waits for the next save to begin and lets it through.
func (b *burst) nextSave(err error) {
	<-b.store.entered
	b.save(err)
}

func (b *burst) listed() string {
	var ids []string
	for _, s := range b.m.List() {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, " ")
}

func wants(t *testing.T, what string, want error) func(error) {
	return func(err error) {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
}

// Changes that come during a save are in the next one, all of them.
func TestChangesAreSavedTogether(t *testing.T) {
	b := newBurst(t, nil)
	for i := range 20 {
		id := fmt.Sprintf("cam-%02d", i)
		b.add(t.Context(), id, wants(t, id, nil))
	}
	b.wait(func() error { return b.m.Remove(t.Context(), "nobody") }, wants(t, "remove", ErrNotFound))
	b.save(nil)
	b.nextSave(nil)
	b.results.Wait()
	if b.store.saves != 2 || len(b.store.records) != 21 || len(b.m.List()) != 21 {
		t.Errorf("%d saves, %d cameras are saved, %d listed; want 2, 21, 21", b.store.saves, len(b.store.records), len(b.m.List()))
	}
}

// What can't be saved is not in force, and its room is given back once.
func TestChangesFailTogether(t *testing.T) {
	var room atomic.Int64
	b := newBurst(t, func(c *ManagerConfig) {
		c.Admit = func(string, config.Camera) (func(), error) {
			room.Add(1)
			return func() { room.Add(-1) }, nil
		}
	})
	for _, id := range []string{"a", "b", "c"} {
		b.add(t.Context(), id, wants(t, id, ErrNotSaved))
	}
	b.save(nil)
	b.nextSave(errors.New("disk full"))
	b.results.Wait()
	if b.listed() != "first" || b.store.ids() != "first" || room.Load() != 1 {
		t.Errorf("listed %q, saved %q, %d places taken", b.listed(), b.store.ids(), room.Load())
	}
}

// Each change sees the set as the ones before it leave it.
func TestChangesSeeEachOther(t *testing.T) {
	b := newBurst(t, func(c *ManagerConfig) { c.MaxCameras = 3 })
	b.add(t.Context(), "a", wants(t, "a", nil))
	b.add(t.Context(), "b", wants(t, "b", nil))
	b.add(t.Context(), "c", wants(t, "no room for c", ErrTooMany))
	// The same camera again: these see what the save before has left, one by one.
	b.wait(func() error {
		_, err := b.m.Update(t.Context(), "b", func(c config.Camera) (config.Camera, error) {
			c.URL = "rtsp://h/moved"
			return c, nil
		})
		return err
	}, wants(t, "update b", nil))
	b.add(t.Context(), "b", wants(t, "b with its old address", ErrExists))
	b.save(nil)
	b.nextSave(nil) // a, b
	b.nextSave(nil) // b moved; the other one fails on its own
	b.results.Wait()
	if b.listed() != "a b first" || b.store.saves != 3 {
		t.Errorf("listed %q after %d saves", b.listed(), b.store.saves)
	}
	if s, err := b.m.Get("b"); err != nil || s.Spec.URL != "rtsp://h/moved" {
		t.Errorf("%v, %v", s.Spec.URL, err)
	}
}

// A call that ended while it waited changes nothing, and the others don't notice.
func TestChangeOfAnEndedCall(t *testing.T) {
	b := newBurst(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	b.add(ctx, "ended", wants(t, "ended", context.Canceled))
	b.add(t.Context(), "b", wants(t, "b", nil))
	cancel()
	b.save(nil)
	b.nextSave(nil)
	b.results.Wait()
	if b.listed() != "b first" || b.store.ids() != "b first" {
		t.Errorf("listed %q, saved %q", b.listed(), b.store.ids())
	}
}

// A change that panics is the trouble of its own call; the others are in force.
func TestChangeThatPanics(t *testing.T) {
	b := newBurst(t, nil)
	b.wait(func() (err error) {
		defer func() { err, _ = recover().(error) }()
		_, _ = b.m.Update(t.Context(), "first", func(config.Camera) (config.Camera, error) { panic("broken") })
		return nil
	}, func(err error) {
		if err == nil || !strings.Contains(err.Error(), "broken, at\n") || !strings.Contains(err.Error(), "TestChangeThatPanics") {
			t.Errorf("%v", err)
		}
	})
	b.add(t.Context(), "b", wants(t, "b", nil))
	b.save(nil)
	b.nextSave(nil)
	b.results.Wait()
	if b.listed() != "b first" || b.store.ids() != "b first" {
		t.Errorf("listed %q, saved %q", b.listed(), b.store.ids())
	}
}

// When saving panics nobody waits for ever.
func TestSavingThatPanics(t *testing.T) {
	b := newBurst(t, nil)
	b.store.broken.Store(true)
	b.add(t.Context(), "a", wants(t, "a", ErrNotSaved))
	b.add(t.Context(), "b", wants(t, "b", ErrNotSaved))
	b.save(nil)
	b.results.Wait()
	b.store.broken.Store(false)
	b.results.Go(func() { b.nextSave(nil) })
	if _, err := b.m.Add(t.Context(), "c", config.Camera{URL: "rtsp://h/c"}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	b.results.Wait()
	if b.listed() != "c first" || b.store.ids() != "c first" {
		t.Errorf("listed %q, saved %q", b.listed(), b.store.ids())
	}
}

// A camera that goes leaves room for one that comes after it.
func TestChangesLeaveRoom(t *testing.T) {
	b := newBurst(t, func(c *ManagerConfig) { c.MaxCameras = 1 })
	b.add(t.Context(), "early", wants(t, "early", ErrTooMany))
	b.wait(func() error { return b.m.Remove(t.Context(), "first") }, wants(t, "remove", nil))
	b.add(t.Context(), "b", wants(t, "b", nil))
	b.save(nil)
	b.nextSave(nil)
	b.results.Wait()
	if b.listed() != "b" || b.store.ids() != "b" || b.store.saves != 2 {
		t.Errorf("listed %q, saved %q in %d saves", b.listed(), b.store.ids(), b.store.saves)
	}
}
