package main

import (
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// heapOf is set in the process whose heap a test fills.
const heapOf = "FRAMEPORT_TEST_HEAP"

// ballast fills the heap of this process, as cameras would that need memory, while
// something else makes garbage all the time.
type ballast struct {
	blocks [][]byte
	base   float64 // what the process needs without it
	stop   func()  // no garbage any more
}

// newBallast begins to make garbage, until the end of the test.
func newBallast(t *testing.T) *ballast {
	runtime.GC()
	b := &ballast{base: new(heapGauge).pressure()}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		var garbage []byte
		for {
			select {
			case <-tick.C:
				garbage = make([]byte, 64<<10)
			case <-stop:
				runtime.KeepAlive(garbage)
				return
			}
		}
	}()
	b.stop = sync.OnceFunc(func() { close(stop); <-stopped })
	t.Cleanup(func() { b.stop(); runtime.KeepAlive(b) })
	return b
}

// fill makes this process need so much of its limit.
func (b *ballast) fill(share float64) {
	const block = 1 << 20
	n := max(0, int((share-b.base)*float64(debug.SetMemoryLimit(-1)))/block)
	if n < len(b.blocks) {
		clear(b.blocks[n:])
		b.blocks = b.blocks[:n]
	}
	for len(b.blocks) < n {
		b.blocks = append(b.blocks, make([]byte, block))
	}
}

// taken is how much of the limit is taken, with garbage.
func taken() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64()-s[1].Value.Uint64()) / float64(debug.SetMemoryLimit(-1))
}

// A worker whose heap is really full takes no more cameras, and is not ready when it is
// fuller still. That ends when the memory is free again, without anybody's doing. Garbage
// that nobody has collected yet is no reason.
func TestHeapFills(t *testing.T) {
	if os.Getenv(heapOf) == "" { // in a process of its own, which begins with a limit
		for name, gogc := range map[string]string{"garbage": "100", "nothing is collected by itself": "off"} {
			t.Run(name, func(t *testing.T) {
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHeapFills$", "-test.timeout=10m")
				cmd.Env = append(os.Environ(), heapOf+"=1", "GOMEMLIMIT=256MiB", "GOGC="+gogc)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
		return
	}
	w := startWorker(t)
	conn, err := grpc.NewClient(w.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cameras := frameportv1.NewCameraServiceClient(conn)
	// add adds a camera, and removes it again.
	add := func() error {
		_, err := cameras.AddCamera(t.Context(), &frameportv1.AddCameraRequest{CameraId: "door", Spec: &frameportv1.CameraSpec{
			Url: "rtsp://127.0.0.1:1025/", Decode: &frameportv1.DecodePolicy{Mode: frameportv1.DecodeMode_DECODE_MODE_NONE},
		}})
		if err == nil {
			_, err = cameras.RemoveCamera(t.Context(), &frameportv1.RemoveCameraRequest{CameraId: "door"})
		}
		return err
	}
	overloaded := func() bool {
		err := add()
		reason, _ := apierr.ReasonOf(err)
		if err != nil && reason != apierr.Overloaded {
			t.Fatal(err)
		}
		return err != nil
	}
	ready := func() bool {
		resp, err := http.Get("http://" + w.http + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	b := newBallast(t)
	if os.Getenv("GOGC") == "off" {
		b.stop()
	} else {
		b.fill(0.6)
		until(t, "garbage to fill the rest", func() bool { return taken() > 0.92 })
		if p := new(heapGauge).pressure(); p > 0.8 {
			t.Errorf("the pressure is %v with %v taken, of which 0.6 are in use", p, taken())
		}
		if overloaded() {
			t.Error("garbage is an overload")
		}
	}
	b.fill(0.885)
	until(t, "cameras to be refused", overloaded)
	if !ready() {
		t.Errorf("not ready at %v", new(heapGauge).pressure())
	}
	b.fill(0.98)
	until(t, "the worker not to be ready", func() bool { return !ready() })
	b.fill(0)
	until(t, "the worker to be ready", ready)
	until(t, "cameras to be taken", func() bool { return !overloaded() })
}
