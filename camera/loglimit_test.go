package camera

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/config"
)

// However often a camera's parts write a line, it comes out once in ten seconds, with a
// count of those that did not; another camera's lines have their own time.
func TestLogLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		loggers := map[string]*slog.Logger{}
		var w *world
		w = newWorld(t, func(c *ManagerConfig) {
			c.NewSource = func(spec config.Camera, log *slog.Logger) (Source, error) {
				mu.Lock()
				loggers[spec.URL] = log
				mu.Unlock()
				return w.newSource(spec, log)
			}
		}).run()
		defer w.stop()
		a, b := w.script("a", step{units: -1}), w.script("b", step{units: -1})
		w.add("a", a, nil)
		w.add("b", b, nil)
		after(time.Second)
		for n := range 1000 {
			loggers[a].With("n", n).Warn("changing the transport")
			loggers[a].Info("something else", "n", n)
		}
		loggers[b].Warn("changing the transport")
		lines := func(parts ...string) (n int) {
			for line := range strings.Lines(w.logs.String()) {
				all := true
				for _, p := range parts {
					all = all && strings.Contains(line, p)
				}
				if all {
					n++
				}
			}
			return n
		}
		if lines("changing", "camera=a") != 1 || lines("something else", "camera=a") != 1 || lines("changing", "camera=b") != 1 {
			t.Errorf("%s", w.logs)
		}
		after(logEvery)
		loggers[a].Warn("changing the transport")
		if lines("changing", "camera=a", "suppressed=999") != 1 {
			t.Errorf("%s", w.logs)
		}
		before := lines("camera=a")
		for n := range 10_000 {
			loggers[a].Info("text of the camera " + strconv.Itoa(n))
		}
		if n := lines("camera=a") - before; n > maxLines {
			t.Errorf("%d lines of different texts", n)
		}
	})
}
