package camera

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/secret"
)

// memory is a store that can fail.
type memory struct {
	mu      sync.Mutex
	fail    error
	records []config.Record
	saves   int
}

func (s *memory) Save(_ context.Context, r []config.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.records = slices.Clone(r)
	s.saves++
	return nil
}

func (s *memory) ids() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, r := range s.records {
		id := r.ID
		if r.Removed {
			id = "-" + id
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

func TestAddRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *ManagerConfig) { c.MaxCameras = 2 }).run()
		defer w.stop()
		add := func(id, url string) (Snapshot, error) {
			return w.m.Add(t.Context(), id, config.Camera{URL: url})
		}
		s, err := add("a", "rtsp://u:p@h/x")
		if err != nil || s.State != StateConnecting || s.Spec.URL != "rtsp://h/x" || s.Spec.Username != "u" || s.Spec.Frame.RingSize != 4 {
			t.Fatalf("%+v, %v", s, err)
		}
		if _, err := w.m.Add(t.Context(), "a", config.Camera{URL: "rtsp://h/x", Username: "u", Password: secret.New("p")}); err != nil {
			t.Errorf("equal: %v", err)
		}
		w.update("a", func(c *config.Camera) { c.URL = "rtsp://v:q@h/x" })
		if s := w.get("a"); s.Spec.Username != "v" || s.Spec.Password.Reveal() != "q" || s.Spec.URL != "rtsp://h/x" {
			t.Errorf("login in the URL of an update: %+v", s.Spec)
		}
		_, err = w.m.Update(t.Context(), "a", func(c config.Camera) (config.Camera, error) {
			c.URL, c.Username = "rtsp://v:q@h/x", "w"
			return c, nil
		})
		if p, ok := errors.AsType[*config.Problems](err); !ok || p.List[0].Reason != config.ReasonCredentials {
			t.Errorf("login in both places: %v", err)
		}
		if _, err := add("a", "rtsp://h/y"); !errors.Is(err, ErrExists) {
			t.Errorf("different: %v", err)
		}
		if _, err := add("b", "rtsp://h/y"); err != nil {
			t.Error(err)
		}
		if _, err := add("c", "rtsp://h/z"); !errors.Is(err, ErrTooMany) || !strings.Contains(err.Error(), "2 are allowed") {
			t.Errorf("third: %v", err)
		}
		if err := w.m.Remove(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		if _, err := add("c", "rtsp://h/z"); err != nil {
			t.Error(err)
		}
		var ids []string
		for _, s := range w.m.List() {
			ids = append(ids, s.ID)
		}
		if !slices.Equal(ids, []string{"a", "c"}) {
			t.Errorf("list %v", ids)
		}
	})
}

func TestWrongSpecificationsAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	for url, field := range map[string]string{
		"":                        "spec.url",
		"http://h/":               "spec.url",
		"rtsp://h:99999/":         "spec.url",
		"rtsp://u:c4n4ry@h:0x1/":  "spec.url",
		"rtsp://u:c4n/4ry@h/":     "spec.url",
		"rtsp://u:c4n4ry@[::1/":   "spec.url",
		"rtsp://u:c4n4ry@/stream": "spec.url",
	} {
		_, err := w.m.Add(t.Context(), "a", config.Camera{URL: url})
		p, ok := errors.AsType[*config.Problems](err)
		if !ok || len(p.List) != 1 || p.List[0].Field != field || strings.Contains(err.Error(), "4ry") {
			t.Errorf("%s: %v", url, err)
		}
	}
	bad := config.Camera{URL: "x", Decode: config.DecodePolicy{Mode: config.DecodeOnDemand}, Frame: config.FramePolicy{RingSize: -1}}
	_, err := w.m.Add(t.Context(), strings.Repeat("x", 300), bad)
	p, ok := errors.AsType[*config.Problems](err)
	if !ok || len(p.List) != 4 || p.List[2].Reason != config.ReasonDecodeModeUnimplemented {
		t.Errorf("all at once: %v", err)
	}
	if n := len(w.m.List()); n != 0 {
		t.Errorf("%d cameras", n)
	}
}

// A change that can't be saved is not in force.
func TestPersistence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		w := newWorld(t, func(c *ManagerConfig) { c.Store = store }).run()
		defer w.stop()
		w.add("a", "rtsp://h/x", nil)
		w.add("b", "rtsp://h/y", nil)
		w.add("b", "rtsp://h/y", nil) // equal: nothing to save
		if store.ids() != "a b" || store.saves != 2 {
			t.Errorf("stored %q with %d saves", store.ids(), store.saves)
		}
		w.update("a", func(c *config.Camera) { c.Labels = map[string]string{"k": "v"} })
		if got := store.records[0].Spec.Labels["k"]; got != "v" {
			t.Errorf("label %q", got)
		}

		full := errors.New("no space left on device")
		store.fail = full
		after(time.Second)
		if _, err := w.m.Add(t.Context(), "c", config.Camera{URL: "rtsp://h/z"}); !errors.Is(err, ErrNotSaved) || !errors.Is(err, full) {
			t.Errorf("add: %v", err)
		}
		_, err := w.m.Update(t.Context(), "a", func(c config.Camera) (config.Camera, error) {
			c.Labels, c.URL = map[string]string{"k": "w"}, "rtsp://elsewhere/"
			return c, nil
		})
		if !errors.Is(err, ErrNotSaved) {
			t.Errorf("update: %v", err)
		}
		if err := w.m.Remove(t.Context(), "a"); !errors.Is(err, ErrNotSaved) {
			t.Errorf("remove: %v", err)
		}
		after(time.Second)
		if s := w.expect("a", StateRunning, fault.None); s.Spec.Labels["k"] != "v" || s.Spec.URL != "rtsp://h/x" || s.Epoch != 1 {
			t.Errorf("not rolled back: %+v", s)
		}
		if len(w.m.List()) != 2 {
			t.Error("a camera that was not saved is there")
		}
		store.fail = nil
		if err := w.m.Remove(t.Context(), "a"); err != nil || store.ids() != "b" {
			t.Errorf("%v, stored %q", err, store.ids())
		}

		refused := errors.New("unknown path in the mask")
		if _, err := w.m.Update(t.Context(), "b", func(config.Camera) (config.Camera, error) { return config.Camera{}, refused }); !errors.Is(err, refused) {
			t.Errorf("error of change: %v", err)
		}
		if _, err := w.m.Update(t.Context(), "gone", nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
	})
}

// See Note: [Who owns a camera] in package config.
func TestDeclaredAndStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		declared := func(ids ...string) (out []config.Declared) {
			for _, id := range ids {
				out = append(out, config.Declared{ID: id, Spec: config.Camera{URL: "rtsp://file/" + id}, Origin: "c.yaml:1"})
			}
			return out
		}
		start := func(ids ...string) *world {
			return newWorld(t, func(c *ManagerConfig) {
				c.Store, c.Restored, c.Declared = store, slices.Clone(store.records), declared(ids...)
			}).run()
		}
		urls := func(w *world) string {
			var out []string
			for _, s := range w.m.List() {
				out = append(out, strings.TrimPrefix(s.Spec.URL, "rtsp://"))
			}
			return strings.Join(out, " ")
		}

		w := start("a", "b", "c")
		w.add("d", "rtsp://api/d", nil)
		w.update("b", func(c *config.Camera) { c.URL = "rtsp://api/b" })
		if err := w.m.Remove(t.Context(), "c"); err != nil {
			t.Error(err)
		}
		w.stop()
		if store.ids() != "b -c d" {
			t.Errorf("stored %q", store.ids())
		}

		w = start("a", "b", "c")
		if got := urls(w); got != "file/a api/b api/d" {
			t.Errorf("second start: %s", got)
		}
		if l := w.logs.String(); !strings.Contains(l, "stays removed") || !strings.Contains(l, "goes before its declaration") {
			t.Errorf("log:\n%s", l)
		}
		w.add("c", "rtsp://api/c", nil)
		if store.ids() != "b c d" {
			t.Errorf("added again: %q", store.ids())
		}
		if err := w.m.Remove(t.Context(), "c"); err != nil {
			t.Error(err)
		}
		w.stop()

		w = start("a") // b and c are no longer declared
		if got := urls(w); got != "file/a api/b api/d" {
			t.Errorf("third start: %s", got)
		}
		if err := w.m.Remove(t.Context(), "b"); err != nil || store.ids() != "d" {
			t.Errorf("%v, stored %q", err, store.ids())
		}
		w.stop()
		w = start("a", "b", "c")
		defer w.stop()
		if got := urls(w); got != "file/a file/b file/c api/d" {
			t.Errorf("fourth start: %s", got)
		}
	})
}

// What is stored and can't be used any more is shown, kept, and can be corrected.
func TestRestoredSpecificationIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		w := newWorld(t, func(c *ManagerConfig) {
			c.Store = store
			c.Restored = []config.Record{{ID: "a", Spec: config.Camera{URL: "rtsp://h/x", Frame: config.FramePolicy{RingSize: 1000}}}}
		}).run()
		defer w.stop()
		after(time.Second)
		if s := w.expect("a", StateFailed, fault.Policy); !strings.Contains(s.Fault.Message, "spec.frame.ring_size") {
			t.Errorf("%q", s.Fault.Message)
		}
		w.add("b", "rtsp://h/y", nil)
		if store.ids() != "a b" {
			t.Errorf("stored %q", store.ids())
		}
		w.update("a", func(c *config.Camera) { c.Frame.RingSize = 0 })
		after(time.Second)
		w.expect("a", StateRunning, fault.None)
	})
}

func TestWatchAndRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).run()
		defer w.stop()
		ch := make(chan struct{}, 1)
		stop := w.m.Watch(ch)
		last := w.m.Revision()
		changed := func(what string, want bool) {
			t.Helper()
			after(time.Second)
			nudged := false
			select {
			case <-ch:
				nudged = true
			default:
			}
			if now := w.m.Revision(); nudged != want || now > last != want {
				t.Errorf("%s: nudged %v, revision %d after %d", what, nudged, now, last)
			}
			last = w.m.Revision()
		}
		w.add("a", "rtsp://h/x", nil)
		w.add("b", w.script("i", step{after: time.Hour}), nil)
		changed("add", true)
		changed("frames alone", false)
		before := w.get("b").Revision
		w.update("a", func(c *config.Camera) { c.Labels = map[string]string{"k": "v"} })
		changed("update", true)
		if w.get("a").Revision <= before || w.get("b").Revision != before {
			t.Errorf("revisions %d %d, before %d", w.get("a").Revision, w.get("b").Revision, before)
		}
		if err := w.m.Remove(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		changed("remove", true)
		stop()
		stop()
		w.add("c", "rtsp://h/x", nil)
		after(time.Second)
		if len(ch) != 0 {
			t.Error("nudged after the end")
		}
	})
}

// Removing before Run starts needs nobody.
func TestChangesBeforeRun(t *testing.T) {
	w := newWorld(t, nil)
	w.add("a", "rtsp://h/x", nil)
	w.add("b", "rtsp://h/y", nil)
	if err := w.m.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.m.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := w.m.List(); len(s) != 1 || s[0].State != StateStopped {
		t.Errorf("%+v", s)
	}
}

// 1,000 cameras come and go, from several sides at once; nothing grows.
func TestChurn(t *testing.T) {
	w := newWorld(t, nil).run()
	defer w.stop()
	w.scripts["rtsp://h/x"] = []step{{units: -1, every: time.Millisecond}}
	w.scripts["rtsp://bad/x"] = []step{{fail: failure(fault.Unreachable, "refused")}}
	cycle := func(id string, n int) {
		spec := config.Camera{URL: "rtsp://h/x"}
		if n%5 == 0 {
			spec.URL = "rtsp://bad/x"
		}
		if _, err := w.m.Add(t.Context(), id, spec); err != nil {
			t.Error(err)
		}
		if n%3 == 0 {
			feed, err := w.m.Feed(id)
			if err != nil {
				t.Error(err)
				return
			}
			if n%5 != 0 {
				for feed.Snapshot().Counters.FramesPublished == 0 {
					runtime.Gosched()
				}
			}
		}
		if n%7 == 0 {
			_, err := w.m.Update(t.Context(), id, func(c config.Camera) (config.Camera, error) {
				c.Decode.Mode = config.DecodeNone
				return c, nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		if err := w.m.Remove(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	cycle("warm", 3)
	goroutines := runtime.NumGoroutine()
	var all sync.WaitGroup
	for side := range 4 {
		all.Go(func() {
			for n := range 250 {
				cycle(fmt.Sprintf("c%d-%d", side, n%3), n)
			}
		})
	}
	all.Wait()
	if n := len(w.m.List()); n != 0 {
		t.Errorf("%d cameras left", n)
	}
	if n := w.account.Bytes(); n != 0 {
		t.Errorf("%d bytes left", n)
	}
	if n := len(w.m.leaving); n != 0 {
		t.Errorf("%d cameras are remembered", n)
	}
	// A supervisor that has closed done may need a moment to be gone.
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}
