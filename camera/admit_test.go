package camera

import (
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
			c.Admit = func(spec config.Camera) error {
				if spec.Backend == config.BackendCUDA {
					return fmt.Errorf("%w: no GPU", ErrBackend)
				}
				return nil
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
