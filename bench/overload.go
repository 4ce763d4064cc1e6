package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// How many cameras are decoded is searched for: the most of which no more than a
// hundredth of the pictures is dropped, and no more than a hundredth of the newest
// frames, looked at twice a second, is late.
const (
	decodableFirst  = 12
	decodableMost   = 400
	decodableSettle = 3 * time.Second
	decodableWindow = 6 * time.Second
	decodableLost   = 0.01
	lateFrame       = 250 * time.Millisecond

	targetAnswer   = 500 // ms
	targetRecovery = 10  // s
	// overloadLast is the end of the overload, in which who is decoded has settled.
	overloadLast = 15 * time.Second
	// overloadWhole is the part of the decodable cameras that overload must leave whole.
	overloadWhole = 0.5
)

// camera360 is a camera's second stream: what is decoded where there are many.
func camera360() recipe {
	return recipe{width: 640, height: 360, fps: 25, seconds: 10, gop: 50, kilobits: 800, noise: 4, profile: "main"}
}

// crowd is a worker under more and more cameras.
type crowd struct {
	*worker
	farm  *farm
	added int
}

// measureOverload looks for the number of cameras that can be decoded, doubles it, and
// goes back.
func measureOverload(ctx context.Context, l *lab) error {
	load := camera360()
	f, err := l.startFarm(ctx, load, decodableMost, 0, false)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	c := &crowd{worker: w, farm: f}
	n, detail := l.cameras, "as -cameras said"
	if n == 0 {
		if n, detail, err = c.decodable(ctx, l); err != nil {
			return err
		}
	}
	if 2*n > decodableMost {
		return fmt.Errorf("twice %d cameras are more than the %d that there are", n, decodableMost)
	}
	l.report(row{Name: "cameras decoded, at most 1 % dropped or late", Value: float64(n), Unit: "cameras", Detail: fmt.Sprintf("%v, decode mode ALL, sender on the same machine; %s", load, detail)})
	return c.overload(ctx, l, n)
}

// decodable searches for the number of cameras that are decoded in time.
func (c *crowd) decodable(ctx context.Context, l *lab) (n int, detail string, err error) {
	good, bad := 0, decodableMost/2+1
	for next := decodableFirst; ; {
		ok, how, err := c.holds(ctx, next)
		if err != nil {
			return 0, "", err
		}
		l.say("    %d cameras: %s", next, how)
		if ok {
			good, detail = next, how
		} else {
			bad = min(bad, next)
		}
		switch {
		case bad <= 2:
			return 0, "", fmt.Errorf("not even %d cameras are decoded in time: %s", next, how)
		case bad-good <= max(1, good/12):
			return good, detail, nil
		case bad > decodableMost/2:
			next = min(good+max(4, good/4), decodableMost/2)
		default:
			next = (good + bad) / 2
		}
	}
}

// holds says whether so many cameras are decoded in time.
func (c *crowd) holds(ctx context.Context, n int) (ok bool, how string, err error) {
	if err := c.resize(ctx, n); err != nil {
		return false, "", err
	}
	if err := pause(ctx, decodableSettle); err != nil {
		return false, "", err
	}
	m := &meter{pids: []int{c.pid()}, sender: c.farm.pid()}
	if err := m.begin(); err != nil {
		return false, "", err
	}
	before, err := c.list(ctx)
	if err != nil {
		return false, "", err
	}
	looks, late := 0, 0
	for begin := time.Now(); time.Since(begin) < decodableWindow; {
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return false, "", err
		}
		now, err := c.list(ctx)
		if err != nil {
			return false, "", err
		}
		for _, x := range now {
			looks++
			if x.age > lateFrame {
				late++
			}
		}
	}
	s, err := m.end()
	if err != nil {
		return false, "", err
	}
	after, err := c.list(ctx)
	if err != nil {
		return false, "", err
	}
	lost := 0.0
	for i := range after {
		lost += after[i].lost(before[i]) / float64(len(after))
	}
	lateness := float64(late) / float64(looks)
	how = fmt.Sprintf("%.1f %% dropped, %.1f %% late; worker %s core, sender %s, rest of the machine %s", 100*lost, 100*lateness, number(s.cores), number(s.sender), number(s.others))
	return lost <= decodableLost && lateness <= decodableLost, how, nil
}

// resize adds or removes the newest cameras until there are n. After a removal it waits
// until all are as they should be.
func (c *crowd) resize(ctx context.Context, n int) error {
	if c.added <= n {
		for ; c.added < n; c.added++ {
			if err := c.addOne(ctx, c.added, frameportv1.DecodeMode_DECODE_MODE_ALL); err != nil {
				return err
			}
		}
		return c.wait(ctx, func(s seenCamera) bool { return s.published > 0 })
	}
	for ; c.added > n; c.added-- {
		if _, err := c.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: nameOf(c.added - 1)}); err != nil {
			return err
		}
	}
	return c.wait(ctx, seenCamera.well)
}

// addOne adds a camera by its number, also when it has to wait until it is admitted.
func (c *crowd) addOne(ctx context.Context, i int, mode frameportv1.DecodeMode) error {
	spec := specOf(c.farm.urls[i], mode)
	return poll(ctx, time.Minute, time.Second, nameOf(i)+" is admitted", func() (bool, error) {
		_, err := c.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: nameOf(i), Spec: spec})
		if status.Code(err) == codes.ResourceExhausted {
			return false, nil
		}
		return true, err
	})
}

// wait waits until that is true of all cameras.
func (c *crowd) wait(ctx context.Context, what func(seenCamera) bool) error {
	return poll(ctx, time.Minute, 200*time.Millisecond, fmt.Sprintf("%d cameras are well", c.added), func() (bool, error) {
		all, err := c.list(ctx)
		return err == nil && !slices.ContainsFunc(all, func(s seenCamera) bool { return !what(s) }), err
	})
}

// nameOf is the id of a camera by its number, from 0. Cameras with lower numbers were
// added earlier.
func nameOf(i int) string { return fmt.Sprintf("cam-%d", i+1) }

// seenCamera is what a status says of a camera at one moment.
type seenCamera struct {
	number                   int // from 0
	state                    frameportv1.CameraState
	fault                    frameportv1.FaultClass
	units, published         uint64
	policy, network, dropped uint64 // dropped: for want of decoding
	age                      time.Duration
}

// lost is the part of the pictures since before that never became frames.
func (s seenCamera) lost(before seenCamera) float64 {
	units := s.units - before.units
	if units == 0 {
		return 1
	}
	return max(0, 1-float64(s.published-before.published)/float64(units))
}

func (s seenCamera) running() bool {
	return s.state == frameportv1.CameraState_CAMERA_STATE_RUNNING
}

func (s seenCamera) well() bool {
	return s.running() && s.fault == frameportv1.FaultClass_FAULT_CLASS_UNSPECIFIED && s.age < lateFrame
}

// list returns all cameras, those that were added first in front.
func (c *crowd) list(ctx context.Context) ([]seenCamera, error) {
	r, err := c.cameras.ListCameras(ctx, &frameportv1.ListCamerasRequest{PageSize: 1000})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	var out []seenCamera
	for _, x := range r.GetCameras() {
		st := x.GetStatus()
		n, err := strconv.Atoi(strings.TrimPrefix(x.GetCameraId(), "cam-"))
		if err != nil {
			return nil, err
		}
		k := st.GetCounters()
		d := k.GetDropped()
		out = append(out, seenCamera{
			number: n - 1, state: st.GetState(), fault: st.GetFault().GetClass(),
			units: k.GetAccessUnits(), published: k.GetFramesPublished(),
			policy: d.GetPolicy(), network: d.GetNetwork(), dropped: d.GetDecode() + d.GetQueue(),
			age: now.Sub(st.GetLastFrameTime().AsTime()),
		})
	}
	slices.SortFunc(out, func(a, b seenCamera) int { return cmp.Compare(a.number, b.number) })
	return out, nil
}
