package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// Many cameras on many hosts are added at once.
const (
	herdCameras = 1000
	herdHosts   = 50
	herdClients = 16 // calls at the same time
	herdLook    = 5 * time.Millisecond

	targetHerdCall  = 50 // ms
	targetHerdDials = 50 // at a time, as the worker is configured
	targetHostDials = 2  // and for each host
)

// herd is cameras on hosts of their own.
type herd struct {
	servers []*camsim.Server
	handles [][]*camsim.Handle // by host
	urls    []string
}

// measureHerd adds cameras in one burst and watches what becomes of the worker's answers
// and of the cameras' connections.
func measureHerd(ctx context.Context, l *lab) error {
	n := l.cameras
	if n == 0 {
		n = herdCameras
	}
	h, err := startHerd(ctx, n)
	if err != nil {
		return err
	}
	defer h.close()
	w, err := l.startWorker(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	bounded, stop := context.WithCancel(ctx)
	defer stop()
	var asked answers
	var dials, hostDials int
	var beside errgroup.Group
	beside.Go(func() error { return w.probe(bounded, &asked) })
	beside.Go(func() error {
		for pause(bounded, herdLook) == nil {
			all, host := h.dialing()
			dials, hostDials = max(dials, all), max(hostDials, host)
		}
		return nil
	})
	begin := time.Now()
	adds, err := w.burst(ctx, h.urls)
	if err != nil {
		return err
	}
	added := time.Since(begin)
	if err := w.allRun(ctx, n, heldLimit); err != nil {
		return err
	}
	up := time.Since(begin)
	stop()
	if err := beside.Wait(); err != nil {
		return err
	}
	name := fmt.Sprintf("%d cameras added at once", n)
	l.report(row{Name: name + ", AddCamera, p99", Value: quantile(adds, 0.99), Unit: "ms", Limit: targetHerdCall, Detail: fmt.Sprintf("%d calls at a time, all within %s s; p50 %s; %s", herdClients, number(added.Seconds()), number(quantile(adds, 0.5)), spread(adds))})
	l.report(row{Name: name + ", other calls meanwhile, p99", Value: quantile(asked.status, 0.99), Unit: "ms", Limit: targetHerdCall, Detail: "GetWorker; " + spread(asked.status)})
	l.report(row{Name: name + ", calls that failed", Value: float64(asked.failed), Unit: "calls", Exact: true})
	l.report(row{Name: name + ", all up after", Value: up.Seconds(), Unit: "s", Limit: targetHeldUp, Detail: fmt.Sprintf("on %d hosts", herdHosts)})
	l.report(row{Name: name + ", dials at a time", Value: float64(dials), Unit: "dials", Limit: targetHerdDials, Detail: fmt.Sprintf("connections that do not play yet, looked for every %v", herdLook)})
	l.report(row{Name: name + ", dials at a time to one host", Value: float64(hostDials), Unit: "dials", Limit: targetHostDials})
	return nil
}

func startHerd(ctx context.Context, n int) (h *herd, err error) {
	load := camera10()
	path, err := load.make(ctx)
	if err != nil {
		return nil, err
	}
	clip, err := loadClip(path, load.width, load.height, float64(load.fps))
	if err != nil {
		return nil, err
	}
	h = &herd{}
	for i := range herdHosts {
		s, err := camsim.Start(camsim.Config{Addr: fmt.Sprintf("127.0.1.%d:0", i+1)})
		if err != nil {
			return nil, errors.Join(err, h.close())
		}
		h.servers, h.handles = append(h.servers, s), append(h.handles, nil)
	}
	for i := range n {
		host := i % herdHosts
		c, err := h.servers[host].Add(fmt.Sprintf("camera/%d", i+1), camsim.Camera{Clip: clip, FPS: float64(load.fps)})
		if err != nil {
			return nil, errors.Join(err, h.close())
		}
		h.handles[host], h.urls = append(h.handles[host], c), append(h.urls, c.URL())
	}
	return h, nil
}

func (h *herd) close() error {
	var errs []error
	for _, s := range h.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// dialing is how many connections there are that do not play yet, and most of a host.
// Those that begin to play while it looks are left out.
func (h *herd) dialing() (all, most int) {
	for i, s := range h.servers {
		host := s.Stats().Open
		for _, c := range h.handles[i] {
			host -= c.Stats().OpenSessions
		}
		all, most = all+max(host, 0), max(most, host)
	}
	return all, most
}

// burst adds the cameras as fast as the worker takes them and returns how long each call
// took, in milliseconds.
func (w *worker) burst(ctx context.Context, urls []string) (took []float64, err error) {
	var mu sync.Mutex
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(herdClients)
	for i, url := range urls {
		all.Go(func() error {
			begin := time.Now()
			_, err := w.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: nameOf(i), Spec: specOf(url, frameportv1.DecodeMode_DECODE_MODE_NONE)})
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(begin).Seconds()*1000)
			return err
		})
	}
	return took, all.Wait()
}

// probe calls the worker until ctx is done.
func (w *worker) probe(ctx context.Context, a *answers) error {
	for pause(ctx, 20*time.Millisecond) == nil {
		begin := time.Now()
		_, err := w.state(ctx)
		if ended(ctx, err) {
			return nil
		}
		a.note(&a.status, time.Since(begin).Seconds()*1000, err)
	}
	return nil
}
