//go:build cgo

package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/figures"
)

const (
	outageCameras = 500
	dialLimit     = 50 // of the product: rtsp.NewDialLimiter
	// envOutage is how long the network is away; empty = 30 s.
	envOutage = "FRAMEPORT_FAULTS_OUTAGE"
)

// cable is the network between a worker and its cameras.
type cable struct {
	cut         atomic.Bool
	going, most atomic.Int64 // dials
}

// dial loses what is sent while the cable is cut. The kernel sends a SYN again after 1,
// 3 and 7 seconds.
func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	now := c.going.Add(1)
	defer c.going.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	for again := time.Second; c.cut.Load(); again *= 2 {
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, &net.OpError{Op: "dial", Net: network, Err: context.Cause(ctx)}
		}
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// TestOutage takes the network away from cameras on a host each, with logins, of which
// nothing is decoded, and gives it back: once so that nothing answers, and once so that
// connections are refused.
func TestOutage(t *testing.T) {
	measured(t)
	length := 30 * time.Second
	if text := os.Getenv(envOutage); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, silent := range []bool{true, false} {
		name := "refused"
		if silent {
			name = "silent"
		}
		t.Run(name, func(t *testing.T) { outage(t, length, silent) })
	}
}

func outage(t *testing.T, length time.Duration, silent bool) {
	j, c := figures.Open(), &cable{}
	w := startWith(t, Options{Dial: c.dial})
	s := NewScene(t, w, 5, 1)
	var hosts []*camsim.Server
	var sims []*camsim.Handle
	for i := range outageCameras {
		host := s.Host(camsim.Config{Addr: fmt.Sprintf("127.61.%d.%d:0", i/250, 1+i%250)})
		sim := guarded(camsim.AuthDigestMD5)
		sim.FPS = 5
		h := s.Sim(host, small, sim)
		spec := config.Camera{URL: h.URL(), Transport: config.TransportTCP}
		Login(canaryUser, canaryPassword)(&spec)
		spec.Decode.Mode = config.DecodeNone
		if _, err := w.Manager.Add(t.Context(), fmt.Sprintf("far%d", i), spec); err != nil {
			t.Fatal(err)
		}
		hosts, sims = append(hosts, host), append(sims, h)
	}
	plays := make([]uint64, len(sims))
	back := func(i int) bool {
		if sims[i].Stats().Plays <= plays[i] {
			return false
		}
		now, err := w.Manager.Get(fmt.Sprintf("far%d", i))
		return err == nil && now.State == camera.StateRunning
	}
	s.Wait("all cameras to run", func() bool {
		for i := range sims {
			if !back(i) {
				return false
			}
		}
		return true
	})
	start := c.most.Swap(0)
	for i, h := range sims {
		plays[i] = h.Stats().Plays
	}
	listen := func(on bool) error {
		var errs []error
		for i, h := range sims {
			switch {
			case !silent:
				errs = append(errs, hosts[i].SetListening(on))
			case !on:
				h.Drop(camsim.DropSilent)
			}
		}
		return errors.Join(errs...)
	}
	c.cut.Store(silent)
	if err := errors.Join(listen(false), pause(t, length), listen(true)); err != nil {
		t.Fatal(err)
	}
	again := time.Now()
	c.cut.Store(false)
	took := make(figures.Seconds, len(sims))
	s.Wait("all cameras to be back", func() bool {
		missing := 0
		for i := range sims {
			if took[i] == 0 && back(i) {
				took[i] = time.Since(again)
			}
			if took[i] == 0 {
				missing++
			}
		}
		return missing == 0
	})
	var failed uint64
	for _, h := range sims {
		failed += h.Stats().FailedLogins
	}
	what := fmt.Sprintf("network away for %v, connections refused, %d cameras", length, len(sims))
	if silent {
		what = fmt.Sprintf("network away for %v, nothing answers, %d cameras", length, len(sims))
	}
	write(t, j, took.Median(what+", back"), took.P95(what+", back").AtMost(15), took.Longest(what+", back"),
		figures.Value(what+", dials at once, most", float64(c.most.Load()), "dials").AtMost(dialLimit).With("%d when they were added", start),
		figures.Value(what+", wrong logins", float64(failed), "logins").AtMost(0).With("every camera asks for a login"))
	for i := range sims {
		if err := w.Manager.Remove(t.Context(), fmt.Sprintf("far%d", i)); err != nil {
			t.Error(err)
		}
	}
}
