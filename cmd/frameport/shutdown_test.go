package main

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/e2e"
)

// A stop under load leaves nothing behind: no goroutine, no descriptor, no frame and
// no byte of picture memory; the last two are what runWorker itself fails for.
func TestShutdownLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l, err := net.Listen("tcp", "127.0.0.1:0") // opens the runtime's own descriptors
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	before := descriptors(t)

	t.Run("load", func(t *testing.T) {
		site := e2e.NewSite(t, camsim.Config{})
		var declared []config.Declared
		var ids []string
		var handles []*camsim.Handle
		for i := range 20 {
			id := fmt.Sprintf("cam-%02d", i)
			h := site.Camera(id, "h264_change_a", camsim.Camera{})
			spec := config.Camera{URL: h.URL(), Transport: config.TransportTCP}
			if i%2 == 1 {
				spec.Transport = config.TransportUDP
			}
			spec.EnsureDefaults()
			declared = append(declared, config.Declared{ID: id, Spec: spec, Origin: "test"})
			ids, handles = append(ids, id), append(handles, h)
		}
		w := startWorker(t, declared...)
		conn, err := grpc.NewClient(w.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		worker := func() *frameportv1.Worker {
			r, err := frameportv1.NewWorkerServiceClient(conn).GetWorker(t.Context(), &frameportv1.GetWorkerRequest{})
			if err != nil {
				t.Fatal(err)
			}
			return r.GetWorker()
		}
		until(t, "twenty running cameras", func() bool { return worker().GetCameras().GetRunning() == 20 })
		load, err := e2e.StartLoad(t.Context(), w.grpc, w.http, ids)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "frames under load", func() bool { return load.Delivered.Load() > 200 })
		until(t, "live frames to be counted", func() bool {
			live := worker() // every camera's ring holds one at least
			return live.GetLiveFrames() >= 20 && live.GetFrameHostBytes() >= 20*640*360
		})

		asked := time.Now()
		if err := w.stop(); err != nil {
			t.Errorf("the worker ended with %v", err)
		}
		if took := time.Since(asked); took > 5*time.Second {
			t.Errorf("took %v to end, at most 5 s are allowed", took)
		}
		if err := load.Wait(); err != nil {
			t.Error(err)
		}
		for i, h := range handles {
			if s := h.Stats(); s.Plays == 0 || s.Teardowns != s.Plays || s.OpenSessions != 0 {
				t.Errorf("camera %d was left without a TEARDOWN: %+v", i, s)
			}
		}
	})
	after := descriptors(t)
	for fd, what := range after {
		if before[fd] != what {
			t.Errorf("descriptor %s is still open: %s", fd, what)
		}
	}
}

// descriptors returns what this process has open, without the folder it reads that
// from.
func descriptors(t *testing.T) map[string]string {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("no list of descriptors here: %v", err)
	}
	open := map[string]string{}
	for _, e := range entries {
		if what, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			open[e.Name()] = what
		}
	}
	return open
}
