package camera

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/frameport/frameport/config"
)

// What the worker can't decode is refused when it is asked for, and the camera that
// was there stays as it was.
func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *ManagerConfig) {
			c.Admit = func(_ string, spec config.Camera) (func(), error) {
				if spec.Backend == config.BackendCUDA {
					return nil, fmt.Errorf("%w: no GPU", ErrBackend)
				}
				return func() {}, nil
			}
		}).run()
		defer w.stop()
		cuda := config.Camera{URL: "rtsp://h/x", Backend: config.BackendCUDA}
		if _, err := w.m.Add(t.Context(), "a", cuda); !errors.Is(err, ErrBackend) {
			t.Errorf("add: %v", err)
		}
		if len(w.m.List()) != 0 {
			t.Error("a refused camera is there")
		}
		if _, err := w.m.Add(t.Context(), "a", config.Camera{URL: "rtsp://h/x"}); err != nil {
			t.Fatal(err)
		}
		_, err := w.m.Update(t.Context(), "a", func(c config.Camera) (config.Camera, error) {
			c.Backend = config.BackendCUDA
			return c, nil
		})
		if !errors.Is(err, ErrBackend) {
			t.Errorf("update: %v", err)
		}
		if s, err := w.m.Get("a"); err != nil || s.Spec.Backend != config.BackendAuto {
			t.Errorf("after a refused update: %v, %v", s.Spec.Backend, err)
		}
	})
}

// The room that was found for a camera is given back once: when another specification
// has been admitted, when the camera could not be saved, when it is gone.
func TestRoomIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := map[string]int{} // by address
		var failing error
		w := newWorld(t, func(c *ManagerConfig) {
			c.Store = storeFunc(func() error { return failing })
			c.Admit = func(id string, spec config.Camera) (func(), error) {
				if id == "full" {
					return nil, fmt.Errorf("%w: 3 MiB are free", ErrNoRoom)
				}
				held[spec.URL]++
				return func() { held[spec.URL]-- }, nil
			}
			c.Declared = []config.Declared{
				{ID: "full", Spec: config.Camera{URL: "rtsp://h/full"}},
				{ID: "door", Spec: config.Camera{URL: "rtsp://h/door"}},
			}
		}).run()
		check := func(when string, want map[string]int) {
			t.Helper()
			for url, n := range want {
				if held["rtsp://h/"+url] != n {
					t.Errorf("%s: %d places for %s, want %d", when, held["rtsp://h/"+url], url, n)
				}
			}
		}
		check("at the start", map[string]int{"door": 1, "full": 0})
		if _, err := w.m.Get("full"); err != nil {
			t.Errorf("a declared camera without room is gone: %v", err)
		}
		if _, err := w.m.Add(t.Context(), "a", config.Camera{URL: "rtsp://h/a"}); err != nil {
			t.Fatal(err)
		}
		move := func(c config.Camera) (config.Camera, error) {
			c.URL = "rtsp://h/b"
			return c, nil
		}
		failing = errors.New("disk full")
		if _, err := w.m.Update(t.Context(), "a", move); !errors.Is(err, ErrNotSaved) {
			t.Errorf("got %v", err)
		}
		if _, err := w.m.Add(t.Context(), "c", config.Camera{URL: "rtsp://h/c"}); !errors.Is(err, ErrNotSaved) {
			t.Errorf("got %v", err)
		}
		check("nothing saved", map[string]int{"a": 1, "b": 0, "c": 0})
		failing = nil
		if _, err := w.m.Update(t.Context(), "a", move); err != nil {
			t.Fatal(err)
		}
		check("updated", map[string]int{"a": 0, "b": 1})
		if err := w.m.Remove(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		check("removed", map[string]int{"b": 0})
		w.stop()
		check("stopped", map[string]int{"door": 0, "full": 0})
	})
}

// storeFunc is a Store that keeps nothing.
type storeFunc func() error

func (f storeFunc) Save(context.Context, []config.Record) error { return f() }
