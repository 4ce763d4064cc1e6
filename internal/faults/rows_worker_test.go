//go:build cgo

package faults

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/secret"
)

// Cameras of six kinds come and go, eight at a time. Nothing else runs meanwhile but the
// fleet, so that what is left can be counted.
func row72(s *Scene) {
	c := newChurn(s)
	c.cycles(24)
	before, err := Measure()
	if err != nil {
		s.Fatal(err)
	}
	decoders, frames := s.Worker.decoders.Load(), s.Worker.Account.Frames()
	c.cycles(96)
	if err := before.Left(patience); err != nil {
		s.Errorf("after 96 cameras: %v", err)
	}
	// A frame more or less is with the fleet, whose rings live.
	if d, f := s.Worker.decoders.Load(), s.Worker.Account.Frames(); d != decoders || f > frames+2*fleetSize {
		s.Errorf("%d decoders and %d frames after 96 cameras, %d and %d before", d, f, decoders, frames)
	}
	c.gone()
}

// churn adds and removes cameras.
type churn struct {
	s      *Scene
	sims   []*camsim.Handle
	kinds  []churned
	number atomic.Int64
}

type churned struct {
	spec   config.Camera
	frames bool // it delivers some
}

func newChurn(s *Scene) *churn {
	host := s.Host(camsim.Config{})
	good := s.Sim(host, small, camsim.Camera{})
	login := s.Sim(host, small, guarded(camsim.AuthDigestMD5))
	silent := s.Sim(host, small, camsim.Camera{Behaviour: camsim.Behaviour{Hang: true}})
	missing := s.Sim(host, small, camsim.Camera{Behaviour: camsim.Behaviour{Status: map[string]int{"DESCRIBE": 404}}})
	return &churn{s: s, sims: []*camsim.Handle{good, login, silent, missing}, kinds: []churned{
		{config.Camera{URL: good.URL(), Transport: config.TransportTCP}, true},
		{config.Camera{URL: good.URL(), Transport: config.TransportUDP}, true},
		{config.Camera{URL: login.URL(), Transport: config.TransportTCP, Username: canaryUser, Password: secret.New(canaryPassword)}, true},
		{config.Camera{URL: silent.URL()}, false},
		{config.Camera{URL: missing.URL()}, false},
		{config.Camera{URL: "rtsp://127.0.0.1:9/"}, false},
	}}
}

// cycles adds n cameras, waits for the first frame of each and removes it.
func (c *churn) cycles(n int) {
	const workers = 8
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range n / workers {
				id := c.number.Add(1)
				kind := c.kinds[int(id)%len(c.kinds)]
				name := fmt.Sprintf("churn%d", id)
				if _, err := c.s.Worker.Manager.Add(context.Background(), name, kind.spec); err != nil {
					c.s.Error(err)
					return
				}
				if !wait(func() bool { return c.begun(name, kind.frames) }) {
					c.s.Errorf("%s does not begin", name)
				}
				if err := c.s.Worker.Manager.Remove(context.Background(), name); err != nil {
					c.s.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// begun reports whether there is a frame; without frames, whether the camera is being
// tried.
func (c *churn) begun(id string, frames bool) bool {
	now, err := c.s.Worker.Manager.Get(id)
	return err != nil || now.Counters.ConnectAttempts > 0 && (!frames || now.Counters.FramesPublished > 0)
}

// gone checks that no camera has a session.
func (c *churn) gone() {
	for _, h := range c.sims {
		if n := h.Stats().OpenSessions; n != 0 {
			c.s.Errorf("%s: %d sessions are left", h.URL(), n)
		}
	}
}

// One client asks for everything and reads nothing, another one reads.
func row73(s *Scene) {
	v := s.Victim("h264_change_a", camsim.Camera{FPS: 25})
	v.Runs()
	dial := func() *grpc.ClientConn {
		conn, err := grpc.NewClient(s.Worker.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	open := func() grpc.ServerStreamingClient[frameportv1.StreamFramesResponse] {
		stream, err := frameportv1.NewFrameServiceClient(dial()).StreamFrames(ctx, &frameportv1.StreamFramesRequest{
			CameraIds: []string{v.ID},
			Output:    &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_RGB24},
		})
		if err != nil {
			s.Fatal(err)
		}
		return stream
	}
	_ = open()
	reader := open()
	var received atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if _, err := reader.Recv(); err != nil {
				return
			}
			received.Add(1)
		}
	})
	s.Wait("the client that does not read to be cut", func() bool { return s.Worker.SlowConsumers.Load() > 0 })
	before := received.Load()
	if before == 0 {
		s.Errorf("nobody was served beside the client that does not read")
	}
	s.Wait("more frames for the client that reads", func() bool { return received.Load() > before+10 })
	v.Shows(10)
	if n := s.Worker.SlowConsumers.Load(); n != 1 {
		s.Errorf("%d clients were cut", n)
	}
	cancel()
	wg.Wait()
}

// Two hundred cameras on ten hosts, in a worker of their own.
func row74(s *Scene) {
	const n = 200
	w, err := Start()
	if err != nil {
		s.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			s.Error(err)
		}
	}()
	var going, most atomic.Int64
	behave := func(q camsim.Request, _ *camsim.Reply) {
		switch q.Method {
		case "OPTIONS":
			if now := going.Add(1); now > most.Load() {
				most.Store(now)
			}
		case "PLAY":
			going.Add(-1)
		}
	}
	for i := range 10 {
		host := s.Host(camsim.Config{})
		for j := range n / 10 {
			c := camsim.Camera{FPS: 2, Behaviour: camsim.Behaviour{Delay: 20 * time.Millisecond, Respond: behave}}
			spec := config.Camera{URL: s.Sim(host, small, c).URL(), Transport: config.TransportTCP}
			spec.Decode.Mode = config.DecodeNone
			if _, err := w.Manager.Add(context.Background(), fmt.Sprintf("herd%d-%d", i, j), spec); err != nil {
				s.Fatal(err)
			}
		}
	}
	s.Wait("all of them to run", func() bool {
		running := 0
		for _, c := range w.Manager.List() {
			if c.State == camera.StateRunning {
				running++
			}
		}
		return running == n
	})
	for _, c := range w.Manager.List() {
		if c.Counters.ConnectAttempts != 1 || c.LastFault.Count != 0 {
			s.Errorf("%s: %d attempts, %+v", c.ID, c.Counters.ConnectAttempts, c.LastFault)
		}
	}
	if most.Load() > 50 {
		s.Errorf("%d connections were made at once", most.Load())
	}
}
