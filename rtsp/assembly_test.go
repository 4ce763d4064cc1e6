package rtsp_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
	"github.com/frameport/frameport/rtsp/rtpdepay"
)

// What is collected counts while a camera plays and is given back when that ends; with no
// room for a picture none comes, which is counted.
func TestAssemblyMemory(t *testing.T) {
	t.Parallel()
	_, h := startSim(t, camsim.Config{}, "h264_720p", nil)
	m := rtpdepay.NewMemory(64 << 20)
	s := simSource(t, h, func(c *rtsp.Config) { c.Assembly = m })
	for range 2 {
		units, held := 0, int64(0)
		err := s.Run(t.Context(), func(*media.AccessUnit) error {
			if held = max(held, m.Used()); units == 10 {
				return errDone
			}
			units++
			return nil
		})
		if !errors.Is(err, errDone) || held == 0 || m.Used() != 0 {
			t.Errorf("%v: %d bytes held, %d afterwards", err, held, m.Used())
		}
	}
	if n := s.Stats().Depay.NoMemory; n != 0 {
		t.Errorf("%d pictures without memory", n)
	}
	small := rtpdepay.NewMemory(1 << 10)
	s = simSource(t, h, func(c *rtsp.Config) { c.Assembly = small })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, func(*media.AccessUnit) error { return errors.New("a picture") }) }()
	for tick := time.Tick(10 * time.Millisecond); s.Stats().Depay.NoMemory == 0; {
		select {
		case <-tick:
		case err := <-done:
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || small.Used() != 0 {
		t.Errorf("%v, %d bytes left", err, small.Used())
	}
}
