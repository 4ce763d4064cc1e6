package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// atWorkResult is a worker with cameras of 720p25 and a client, over the API.
type atWorkResult struct {
	Cameras int `json:"cameras"`
	// ProcessorPerCamera is in cores, of the worker alone, while nobody asks.
	ProcessorPerCamera float64 `json:"cores_per_camera"`
	// JPEG is GetFrame at the client with several calls in flight, each of which has
	// to encode.
	InFlight int     `json:"in_flight"`
	JPEG     times   `json:"get_frame"`
	Rate     float64 `json:"get_frame_per_second"`
	// Age is from the arrival of a picture's last packet to its JPEG at the client.
	Age times `json:"received_to_client"`
	// Idle and Busy are the devices in GetWorker, without cameras and with them.
	Idle    json.RawMessage `json:"devices_idle"`
	Busy    json.RawMessage `json:"devices_busy"`
	Ledger  int64           `json:"ledger_bytes_per_camera"`
	Driver  int64           `json:"driver_bytes_per_camera"`
	Fixed   int64           `json:"ledger_bytes_without_cameras"`
	Clean   bool            `json:"clean_shutdown"`
	devices [2]*frameportv1.Device
}

func measureAtWork(ctx context.Context, b bundle) (result, error) {
	bound := b.bounds()
	r := &atWorkResult{Cameras: bound.served, InFlight: 4}
	server, urls, err := startCameras(bound.served)
	if err != nil {
		return r, err
	}
	w, err := startWorker(ctx, b)
	if err != nil {
		return r, errors.Join(err, server.Close())
	}
	err = r.measure(ctx, w, urls, bound)
	stopped := w.stop()
	r.Clean = stopped == nil
	return r, errors.Join(err, stopped, server.Close())
}

func (r *atWorkResult) measure(ctx context.Context, w *worker, urls []string, bound bounds) error {
	if err := r.look(ctx, w, &r.Idle, 0); err != nil {
		return err
	}
	var ids []string
	for i, url := range urls {
		id := fmt.Sprintf("camera%d", i)
		if err := w.add(ctx, id, url); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		if _, err := w.frame(ctx, id, 80, nil); err != nil {
			return fmt.Errorf("first picture of %s: %w", id, err)
		}
	}
	if err := r.rest(ctx, w, bound.served, 2*bound.window); err != nil {
		return err
	}
	if err := r.look(ctx, w, &r.Busy, 1); err != nil {
		return err
	}
	n := int64(len(ids))
	books := r.devices[1].GetLedger()
	r.Fixed, r.Ledger = books.GetFixedBytes(), books.GetMarginalBytesPerCamera()
	r.Driver = (r.devices[1].GetMemoryUsedBytes() - r.devices[0].GetMemoryUsedBytes()) / n
	if err := r.ask(ctx, w, ids, bound.window); err != nil {
		return err
	}
	return r.follow(ctx, w, ids[0], bound.window)
}

// look asks the worker about its GPU.
func (r *atWorkResult) look(ctx context.Context, w *worker, into *json.RawMessage, which int) error {
	got, err := w.admin.GetWorker(ctx, &frameportv1.GetWorkerRequest{})
	if err != nil {
		return err
	}
	if len(got.GetWorker().GetDevices()) == 0 {
		return errors.New("the worker has no GPU")
	}
	r.devices[which] = got.GetWorker().GetDevices()[0]
	*into, err = protojson.Marshal(r.devices[which])
	return err
}

// rest measures the worker's processor time while nobody asks.
func (r *atWorkResult) rest(ctx context.Context, w *worker, cameras int, window time.Duration) error {
	before, err := w.processor()
	if err != nil {
		return err
	}
	start := time.Now()
	select {
	case <-time.After(window):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := w.processor()
	r.ProcessorPerCamera = (after - before).Seconds() / time.Since(start).Seconds() / float64(cameras)
	return err
}

// frame asks for a JPEG newer than last, and waits for it.
func (w *worker) frame(ctx context.Context, id string, quality int32, last *frameportv1.Frame) (*frameportv1.Frame, error) {
	req := &frameportv1.GetFrameRequest{
		CameraId: id, Output: &frameportv1.OutputSpec{Quality: &quality}, Wait: durationpb.New(10 * time.Second),
	}
	if last != nil {
		req.NewerThan = &frameportv1.FramePosition{Epoch: last.GetEpoch(), Sequence: last.GetSequence()}
	}
	got, err := w.frames.GetFrame(ctx, req)
	return got.GetFrame(), err
}

// ask has several callers ask for the newest frames in turn. A quality that nobody
// has asked for has to be encoded.
func (r *atWorkResult) ask(ctx context.Context, w *worker, ids []string, window time.Duration) error {
	took := make([][]time.Duration, r.InFlight)
	failed := make([]error, r.InFlight)
	start := time.Now()
	var group sync.WaitGroup
	for i := range r.InFlight {
		group.Go(func() {
			for n := i; failed[i] == nil && time.Since(start) < window; n += r.InFlight {
				began := time.Now()
				_, failed[i] = w.frame(ctx, ids[n%len(ids)], int32(60+n/len(ids)%30), nil)
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	group.Wait()
	all := slices.Concat(took...)
	r.JPEG, r.Rate = timesOf(all), float64(len(all))/time.Since(start).Seconds()
	return errors.Join(failed...)
}

// follow waits for each frame of one camera.
func (r *atWorkResult) follow(ctx context.Context, w *worker, id string, window time.Duration) error {
	var ages []time.Duration
	var last *frameportv1.Frame
	for start := time.Now(); time.Since(start) < window; {
		f, err := w.frame(ctx, id, 80, last)
		if err != nil {
			return err
		}
		if last != nil { // the first may have been there for a while
			ages = append(ages, time.Since(f.GetReceivedTime().AsTime()))
		}
		last = f
	}
	r.Age = timesOf(ages)
	return nil
}

func (r *atWorkResult) print(w io.Writer) {
	fmt.Fprintf(w, "%d cameras of 720p25: %.4f core each; %s each by the ledger, %s by the driver, %s without cameras\n",
		r.Cameras, r.ProcessorPerCamera, mebi(r.Ledger), mebi(r.Driver), mebi(r.Fixed))
	fmt.Fprintf(w, "GetFrame, %d in flight: %v; %.0f a second\n", r.InFlight, r.JPEG, r.Rate)
	fmt.Fprintf(w, "last packet received to JPEG at the client: %v\nclean shutdown: %v\n", r.Age, r.Clean)
}
