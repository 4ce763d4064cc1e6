package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/telemetry"
)

// demoView is what the demo shows: a live table and, once every camera has
// delivered, the pictures and the commands to try next.
type demoView struct {
	io               streams
	dir              string
	grpc, http, rtsp string

	delivered map[string]bool
	drawn     int // lines of the table on the screen
	explained bool
}

// moved says which of the wanted addresses other programs have.
func (v *demoView) moved(wanted []string) {
	for i, got := range []string{v.rtsp, v.grpc, v.http} {
		if strings.HasPrefix(wanted[i], "unix:") {
			continue // those are never moved
		}
		if _, port, err := net.SplitHostPort(wanted[i]); err == nil && port != "0" && wanted[i] != got {
			v.printf("%s is taken by another program (another demo?): using %s\n", wanted[i], got)
		}
	}
}

// run draws until ctx ends. It fails unless every camera delivered a picture.
func (v *demoView) run(ctx context.Context) error {
	v.delivered = map[string]bool{}
	interval := time.Second
	live := telemetry.IsTerminal(os.Stdout)
	if !live {
		interval = 5 * time.Second
	}
	cl, err := client.Dial(v.grpc)
	if err != nil {
		return err
	}
	defer func() { _ = cl.Close() }()
	v.printf("Four synthetic cameras on rtsp://%s, worker on gRPC %s and HTTP %s. Ctrl-C ends it.\n", v.rtsp, v.grpc, v.http)
	if err := v.showBackend(ctx, cl); err != nil && ctx.Err() == nil {
		return err
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := v.step(ctx, cl, live); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			v.printf("\nstopped\n")
			return v.verdict()
		case <-tick.C:
		}
	}
}

// showBackend says what decodes.
func (v *demoView) showBackend(ctx context.Context, cl *client.Client) error {
	r, err := cl.Worker.GetWorker(ctx, &frameportv1.GetWorkerRequest{})
	if err != nil {
		return err
	}
	b := r.GetWorker().GetBackend()
	v.printf("Backend %s: %s.\n\n", word(b.GetKind().String(), "BACKEND_KIND_"), b.GetReason())
	return nil
}

// step fetches missing pictures and draws the table once.
func (v *demoView) step(ctx context.Context, cl *client.Client, live bool) error {
	r, err := cl.Cameras.ListCameras(ctx, &frameportv1.ListCamerasRequest{})
	if err != nil {
		return err
	}
	for _, c := range r.GetCameras() {
		if !v.delivered[c.GetCameraId()] {
			if err := v.fetch(ctx, cl, c); err != nil {
				return err
			}
		}
	}
	// Statuses once more: fetching may have waited for the first frame.
	if r, err = cl.Cameras.ListCameras(ctx, &frameportv1.ListCamerasRequest{}); err != nil {
		return err
	}
	if live && v.drawn > 0 {
		v.printf("\x1b[%dF\x1b[J", v.drawn)
	}
	var b strings.Builder
	if err := printCameras(&b, r.GetCameras()); err != nil {
		return err
	}
	explained := v.explained
	v.printf("%s", b.String())
	v.drawn = strings.Count(b.String(), "\n")
	if !explained && len(v.delivered) == len(demoCameras()) {
		v.explain()
		v.drawn = 0 // the table goes on below
	}
	return nil
}

// fetch writes the camera's picture to the folder. No frame yet is no error.
func (v *demoView) fetch(ctx context.Context, cl *client.Client, c *frameportv1.Camera) error {
	f, err := cl.Latest(ctx, c.GetCameraId(), client.LatestOptions{Wait: 2 * time.Second})
	if err != nil {
		return nil // the state in the table tells it, and verdict fails if it stays so
	}
	if err := os.MkdirAll(v.dir, 0o755); err != nil {
		return err
	}
	if err := writeFile(v.pictureName(c), f.GetData()); err != nil {
		return err
	}
	v.delivered[c.GetCameraId()] = true
	return nil
}

func (v *demoView) explain() {
	v.explained = true
	address := ""
	if v.grpc != "127.0.0.1:50051" {
		address = " --address " + v.grpc
	}
	v.printf("\nOne JPEG per camera is in %s. Try in another terminal:\n\n", v.dir)
	bin := os.Args[0]
	for _, line := range []string{
		bin + " snapshot street" + address + " -o street.jpg",
		bin + " watch" + address + " --width 640",
		bin + " camera show parking" + address,
		bin + " camera add copy rtsp://" + v.rtsp + "/street" + address + " --decode keyframes",
		bin + " camera remove copy" + address,
		"go tool -modfile=tools/go.mod grpcurl -plaintext " + v.grpc + " list",
		`go tool -modfile=tools/go.mod grpcurl -plaintext -d '{"camera_id":"street"}' ` + v.grpc + " frameport.v1.CameraService/GetCamera",
		"curl -fo street.jpg 'http://" + v.http + "/api/street/latest.jpg?h=360'",
	} {
		v.printf("  %s\n", line)
	}
	v.printf("\nPython, Go and models: docs/guide/README.md.\n\n")
}

// verdict is the demo's result.
func (v *demoView) verdict() error {
	var missing []string
	for _, c := range demoCameras() {
		if !v.delivered[c[0]] {
			missing = append(missing, c[0])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no picture from %s", strings.Join(missing, ", "))
	}
	return nil
}

// printf writes to the terminal. There is nothing to do about a terminal that is gone.
func (v *demoView) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(v.io.out, format, args...)
}
