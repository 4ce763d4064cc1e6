package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/internal/testvideo"
)

// patience bounds every wait. Nothing passes because it took long.
const patience = 90 * time.Second

// Scene is where one row is played: hosts and cameras of its own beside the fleet.
type Scene struct {
	testing.TB
	Worker *Worker
	Row    int
	Seed   uint64

	fleet *Fleet // of a worker of its own; see within

	dice  *rand.Rand
	hosts []*camsim.Server
	cams  []*camsim.Handle
	all   []*Victim
}

// NewScene returns the scene of a row. It ends with its test: cameras are removed and
// the invariants are judged.
func NewScene(t testing.TB, w *Worker, row int, seed uint64) *Scene {
	s := &Scene{TB: t, Worker: w, Row: row, Seed: seed, dice: rand.New(rand.NewPCG(seed, uint64(row)))}
	t.Cleanup(s.end)
	return s
}

// fewNeighbours are enough beside a scene that others are played beside.
const fewNeighbours = 4

// within returns a scene with a worker of its own and so many neighbours.
func (s *Scene) within(o Options, neighbours int) *Scene {
	s.Helper()
	w, err := StartWith(o)
	if err != nil {
		s.Fatal(err)
	}
	own := &Scene{TB: s.TB, Worker: w, Row: s.Row, Seed: s.Seed, dice: s.dice}
	s.Cleanup(func() {
		errs := []error{w.Close(), w.Secrets()}
		if own.fleet != nil {
			errs = append(errs, own.fleet.Close())
		}
		if err := errors.Join(errs...); err != nil {
			s.Error(err)
		}
	})
	own.fleet = newFleet(s, w, 5, neighbours)
	s.Cleanup(own.end)
	return own
}

// Host starts a host for cameras with an address of its own: the worker counts logins
// and dials by host.
func (s *Scene) Host(c camsim.Config) *camsim.Server {
	s.Helper()
	if c.Addr == "" {
		c.Addr = fmt.Sprintf("127.%d.%d.1:0", 64+s.Row, 1+len(s.hosts)%250)
	}
	h, err := camsim.Start(c)
	if err != nil {
		s.Fatal(err)
	}
	s.hosts = append(s.hosts, h)
	return h
}

// Clip loads a clip.
func (s *Scene) Clip(name string) *testvideo.Clip {
	s.Helper()
	c, err := testvideo.Load(name)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// Sim puts a camera on a host; nil = a host of its own. A camera without a rate gets a
// low one: dozens of scenes share two processors.
func (s *Scene) Sim(host *camsim.Server, clip string, c camsim.Camera) *camsim.Handle {
	s.Helper()
	if host == nil {
		host = s.Host(camsim.Config{})
	}
	if c.Clip == nil {
		c.Clip = s.Clip(clip)
	}
	if c.FPS == 0 {
		c.FPS = min(c.Clip.FPS, 10)
	}
	h, err := host.Add(fmt.Sprintf("cam%d", len(s.of(host))), c)
	if err != nil {
		s.Fatal(err)
	}
	s.cams = append(s.cams, h)
	return h
}

// Victim is a camera of a scene.
type Victim struct {
	*Watch
	Sim *camsim.Handle
	s   *Scene

	gone bool
}

// Add adds a simulated camera to the worker, over TCP unless change says otherwise.
func (s *Scene) Add(h *camsim.Handle, change func(*config.Camera), shows ...string) *Victim {
	s.Helper()
	spec := config.Camera{URL: h.URL(), Transport: config.TransportTCP}
	if change != nil {
		change(&spec)
	}
	var numbers []int
	for _, name := range shows {
		numbers = append(numbers, s.Clip(name).Camera)
	}
	v := &Victim{Sim: h, s: s}
	var err error
	if v.Watch, err = s.Worker.Add(context.Background(), fmt.Sprintf("row%d-%d", s.Row, len(s.all)), spec, numbers...); err != nil {
		s.Fatal(err)
	}
	s.all = append(s.all, v)
	return v
}

// Victim puts a camera that shows a clip on a host of its own and adds it.
func (s *Scene) Victim(clip string, c camsim.Camera) *Victim {
	s.Helper()
	return s.Add(s.Sim(nil, clip, c), nil, clip)
}

// Login sets user name and password.
func Login(user, password string) func(*config.Camera) {
	return func(c *config.Camera) { c.Username, c.Password = user, secret.New(password) }
}

// Over sets the transport.
func Over(t config.Transport) func(*config.Camera) {
	return func(c *config.Camera) { c.Transport = t }
}

// Now returns the camera as it is.
func (v *Victim) Now() camera.Snapshot {
	v.s.Helper()
	snap, err := v.s.Worker.Manager.Get(v.ID)
	if err != nil {
		v.s.Fatal(err)
	}
	return snap
}

// Until waits for the camera to be as ok says.
func (v *Victim) Until(what string, ok func(camera.Snapshot) bool) camera.Snapshot {
	v.s.Helper()
	var snap camera.Snapshot
	if !wait(func() bool { snap = v.Now(); return ok(snap) }) {
		v.s.Fatalf("%s: waited in vain for %s: %+v\n%s", v.ID, what, snap, strings.Join(v.s.Worker.Log.Of(v.ID), ""))
	}
	return snap
}

// wait asks until the answer is true, and returns false when patience has run out.
func wait(ok func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Wait waits for a condition.
func (s *Scene) Wait(what string, ok func() bool) {
	s.Helper()
	if !wait(ok) {
		s.Fatalf("waited in vain for %s", what)
	}
}

// Runs waits for frames and returns the camera, which has to be RUNNING.
func (v *Victim) Runs() camera.Snapshot {
	v.s.Helper()
	v.Shows(3)
	return v.Until("RUNNING", func(c camera.Snapshot) bool { return c.State == camera.StateRunning })
}

// Shows waits for n more undamaged frames. That they show this camera is invariant I2.
func (v *Victim) Shows(n uint64) {
	v.s.Helper()
	from := v.Clean()
	v.Until(fmt.Sprintf("%d more frames", n), func(camera.Snapshot) bool { return v.Clean() >= from+n })
}

// Fails waits for a state with a fault of a class.
func (v *Victim) Fails(state camera.State, class fault.Class) camera.Snapshot {
	v.s.Helper()
	return v.Until(fmt.Sprintf("%v, %v", state, class), func(c camera.Snapshot) bool {
		return c.State == state && c.Fault.Class == class
	})
}

// Back waits for frames of a later epoch than before, undamaged, and for RUNNING.
func (v *Victim) Back(before camera.Snapshot) camera.Snapshot {
	v.s.Helper()
	v.Until("a new epoch", func(c camera.Snapshot) bool { return c.LastFrameID.Epoch > before.Epoch })
	return v.Runs()
}

// Steady checks that the camera has kept the connection that it had.
func (v *Victim) Steady(since camera.Snapshot) {
	v.s.Helper()
	now := v.Now()
	if now.Counters.Reconnects != since.Counters.Reconnects || now.Counters.ConnectAttempts != since.Counters.ConnectAttempts || now.State != camera.StateRunning {
		v.s.Errorf("%s did not keep its connection: %v, %d attempts, %d before; last fault %+v",
			v.ID, now.State, now.Counters.ConnectAttempts, since.Counters.ConnectAttempts, now.LastFault)
	}
}

// Remove removes the camera and checks that nothing comes after it.
func (v *Victim) Remove() {
	v.s.Helper()
	if v.gone {
		return
	}
	v.gone = true
	feed, err := v.s.Worker.Manager.Feed(v.ID)
	if err != nil {
		v.s.Error(err)
		return
	}
	if err := v.s.Worker.Manager.Remove(context.Background(), v.ID); err != nil {
		v.s.Errorf("%s: %v", v.ID, err)
	}
	if f := feed.Ring().Latest(); f != nil {
		v.s.Errorf("I3: %s has frame %v after it was removed", v.ID, f.ID)
		f.Release()
	}
	v.wait()
	others := 0 // with a session of their own
	for _, o := range v.s.all {
		if o.Sim == v.Sim && !o.gone {
			others++
		}
	}
	if !wait(func() bool { return v.Sim.Stats().OpenSessions <= others }) {
		v.s.Errorf("I3: %s has a session after it was removed: %d, %d others", v.ID, v.Sim.Stats().OpenSessions, others)
	}
}

// maxHost is more than a camera of these sizes needs: frames, queue and pool.
const maxHost = 160 << 20

// end removes the cameras and judges.
func (s *Scene) end() {
	for _, v := range s.all {
		if !v.gone {
			if held := v.Now().Memory.Host; held > maxHost {
				s.Errorf("%s holds %d MiB", v.ID, held>>20)
			}
		}
		v.Remove()
		for _, broken := range v.Violations() {
			s.Error(broken)
		}
	}
	for _, host := range s.hosts {
		failed := uint64(0)
		for _, h := range s.of(host) {
			failed += h.Stats().FailedLogins
		}
		if failed > 3 {
			s.Errorf("I8: a host saw %d wrong logins", failed)
		}
	}
	for _, h := range s.hosts {
		if err := h.Close(); err != nil {
			s.Error(err)
		}
	}
	if s.Failed() {
		for _, v := range s.all {
			if lines := s.Worker.Log.Of(v.ID); len(lines) > 0 {
				s.Logf("the worker wrote:\n%s", strings.Join(lines[max(0, len(lines)-12):], ""))
			}
		}
	}
}

// of returns the cameras on a host.
func (s *Scene) of(host *camsim.Server) (out []*camsim.Handle) {
	for _, h := range s.cams {
		if strings.Contains(h.URL(), "://"+host.Addr()+"/") {
			out = append(out, h)
		}
	}
	return out
}
