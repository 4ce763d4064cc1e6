package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

const (
	killedCameras = 200
	targetBack    = 30 // s
	// nobody is an address that refuses connections: cameras there cost no time.
	nobody = "rtsp://127.0.0.1:1025/none"
)

// measureKilled kills a worker while a client adds and removes further cameras, and
// starts it again on the same state. It counts what was acknowledged and is not there.
func measureKilled(ctx context.Context, l *lab) error {
	n := l.cameras
	if n == 0 {
		n = killedCameras
	}
	f, err := l.startFarm(ctx, camera10(), n, 0, false)
	if err != nil {
		return err
	}
	defer f.stop()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer func() { w.stop() }()
	if err := w.add(ctx, f.urls, frameportv1.DecodeMode_DECODE_MODE_NONE); err != nil {
		return err
	}
	if err := w.allRun(ctx, n, time.Minute); err != nil {
		return err
	}
	want, err := w.specs(ctx)
	if err != nil {
		return err
	}
	var times []float64
	var wrong, changes int
	for run := range l.repeat {
		made, err := w.changeUntilKilled(ctx, time.Duration(300+170*run)*time.Millisecond)
		if err != nil {
			return err
		}
		changes += len(made.there)
		begin := time.Now()
		next, err := l.startWorkerAt(ctx, w.address, w.http, w.dir)
		if err != nil {
			return fmt.Errorf("after kill -9: %w", err)
		}
		_ = w.conn.Close() // of the one that is dead
		w = next
		if err := w.allRun(ctx, n, time.Minute); err != nil {
			return err
		}
		times = append(times, time.Since(begin).Seconds())
		got, err := w.specs(ctx)
		if err != nil {
			return err
		}
		wrong += made.wrong(want, got)
		want = got
	}
	l.report(row{
		Name: fmt.Sprintf("kill -9 with %d cameras, all back after, worst", n), Value: quantile(times, 1), Unit: "s", Limit: targetBack,
		Detail: fmt.Sprintf("from exec to all RUNNING, nothing decoded, %d kills; %s", len(times), each(times)),
	})
	l.report(row{
		Name: "kill -9, cameras lost, altered or come back", Value: float64(wrong), Unit: "cameras", Exact: true,
		Detail: fmt.Sprintf("a client added and removed cameras meanwhile: %d that it had an answer for, and %d cameras that nobody touched, in each of %d kills", changes, n, len(times)),
	})
	return nil
}

// specs are the settings of all cameras by name.
func (w *worker) specs(ctx context.Context) (map[string]*frameportv1.CameraSpec, error) {
	out := map[string]*frameportv1.CameraSpec{}
	for token := ""; ; {
		r, err := w.cameras.ListCameras(ctx, &frameportv1.ListCamerasRequest{PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, c := range r.GetCameras() {
			out[c.GetCameraId()] = c.GetSpec()
		}
		if token = r.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}

// changes is what a client did before the worker was killed.
type changes struct {
	there map[string]bool // what it was told: the camera is there, or is not
	open  string          // the one that it got no answer for
}

// changeUntilKilled adds and removes cameras as fast as that goes, and kills the worker
// in the middle of it.
func (w *worker) changeUntilKilled(ctx context.Context, after time.Duration) (changes, error) {
	made := changes{there: map[string]bool{}}
	killed := make(chan error, 1)
	time.AfterFunc(after, func() { killed <- w.kill() })
	stamp := time.Now().UnixNano()
	for i := 0; ; i++ { // add, remove, add, and so on; every other one stays
		id := fmt.Sprintf("extra-%d-%d", stamp, i/3*2+i%3/2)
		remove := i%3 == 1
		var err error
		if remove {
			_, err = w.cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id})
		} else {
			_, err = w.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: specOf(nobody, frameportv1.DecodeMode_DECODE_MODE_NONE)})
		}
		if err != nil {
			made.open = id
			if killErr := <-killed; killErr != nil {
				return made, errors.Join(killErr, err)
			}
			return made, ctx.Err()
		}
		made.there[id] = !remove
	}
}

// wrong counts cameras that are not as they were before, beside what was changed.
func (c changes) wrong(before, after map[string]*frameportv1.CameraSpec) (n int) {
	for id, spec := range before {
		if _, touched := c.there[id]; !touched && id != c.open && !proto.Equal(spec, after[id]) {
			n++
		}
	}
	for id, there := range c.there {
		if id != c.open && (after[id] != nil) != there {
			n++
		}
	}
	for id := range after {
		if _, known := c.there[id]; before[id] == nil && !known && id != c.open {
			n++
		}
	}
	return n
}
