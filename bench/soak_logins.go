package main

import (
	"context"
	"fmt"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/invariant"
)

// canary is the login of all cameras that ask for one.
func canary() invariant.Canary {
	return invariant.Canary{User: "operator", Realm: "Frameport camera", Password: "c4n4ry/of the soak@2", Mark: "c4n4ry"}
}

// wrongCanary is a password that no camera takes.
func wrongCanary() invariant.Canary {
	c := canary()
	c.Password = "c4n4ry/wrong@2"
	return c
}

func credentials(c invariant.Canary) *frameportv1.Credentials {
	return &frameportv1.Credentials{Username: c.User, Password: c.Password}
}

// doorHost is where the cameras are that refuse logins. The worker counts logins by host,
// and others must not have to wait for these.
const doorHost = "127.0.9.1"

// door is the host that refuses logins. One camera of it has played and refuses what it
// took before; at the other ever new cameras of the worker try a wrong password.
type door struct {
	sim            *camsim.Server
	played, closed *camsim.Handle
}

const (
	doorCamera = "door"
	// knockEvery is how many seconds lie between two tries of a wrong password.
	knockEvery = 10
	// doorRefuses is after how many the camera that has played refuses its login.
	doorRefuses = 5
)

func (s *soak) startDoor(ctx context.Context) (d *door, err error) {
	d = &door{}
	if d.sim, err = camsim.Start(camsim.Config{Addr: doorHost + ":0"}); err != nil {
		return nil, err
	}
	for name, h := range map[string]**camsim.Handle{"played": &d.played, "closed": &d.closed} {
		if *h, err = d.sim.Add(name, camsim.Camera{Clip: s.clips[1], FPS: soakFPS, Username: canary().User, Password: canary().Password}); err != nil {
			_ = d.sim.Close() // the first error says it
			return nil, err
		}
	}
	spec := specOf(d.played.URL(), frameportv1.DecodeMode_DECODE_MODE_NONE)
	spec.Credentials = credentials(canary())
	if _, err = s.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: doorCamera, Spec: spec}); err == nil {
		err = s.waitRunning(ctx, doorCamera)
	}
	if err != nil {
		_ = d.sim.Close()
		return nil, err
	}
	return d, nil
}

// refuse has the camera that played refuse its login from now on.
func (d *door) refuse() {
	d.played.Set(func(b *camsim.Behaviour) { b.RejectLogins = true })
	d.played.Drop(camsim.DropFIN)
}

// knock adds a camera with a wrong password and removes it when it is refused.
func (s *soak) knock(ctx context.Context) error {
	id := fmt.Sprintf("stranger-%d", s.next.Add(1))
	spec := specOf(s.door.closed.URL(), frameportv1.DecodeMode_DECODE_MODE_NONE)
	spec.Credentials = credentials(wrongCanary())
	if _, err := s.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: spec}); err != nil {
		return err
	}
	refused := poll(ctx, time.Minute, 100*time.Millisecond, "a wrong password shows as such", func() (bool, error) {
		st, err := s.status(ctx, id)
		return st.GetFault().GetClass() == frameportv1.FaultClass_FAULT_CLASS_AUTH, err
	})
	_, err := s.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id})
	if refused != nil {
		return refused
	}
	return err
}
