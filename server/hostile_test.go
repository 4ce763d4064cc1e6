package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/internal/kservetest"
)

// Note: [Hostile clients]
//
// These tests call every method that is registered with whatever a client could send, as
// everybody who could send it. Wanted of each: no panic, a code that is the client's
// affair and never INTERNAL or UNKNOWN, and afterwards no goroutine, frame, connection or
// megabyte more than before. FRAMEPORT_HOSTILE_ROUNDS sets how often each method is called
// (make hostile), FRAMEPORT_HOSTILE_SEED repeats a run.

// hostileRounds is how often each method is called.
func hostileRounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("FRAMEPORT_HOSTILE_ROUNDS"))
	if err != nil {
		return 6
	}
	t.Logf("%d rounds", n)
	return n
}

func hostileSeed(t *testing.T) uint64 {
	seed, err := strconv.ParseUint(os.Getenv("FRAMEPORT_HOSTILE_SEED"), 10, 64)
	if err != nil {
		seed = 1
	}
	t.Logf("seed %d", seed)
	return seed
}

// besieged is a server with all that it can have, and cameras with frames.
func besieged(t *testing.T, alter ...func(*Config)) *harness {
	cameras := newFakeCameras(t, "mine", "theirs")
	for _, id := range []string{"mine", "theirs"} {
		cameras.camera(id).publish(frame.Drops{})
	}
	_, address := kservetest.Start(t, kservetest.Config{Models: map[string]*kservetest.Model{"means": kservetest.Means(4, 4)}})
	models := []*inference.Server{inferenceClient(t, "first", address, 0)}
	if err := models[0].Ready(t.Context()); err != nil { // its connection is there before anything is counted
		t.Fatal(err)
	}
	return newHarness(t, cameras, newFakeRenderer(100_000), append(alter, func(c *Config) {
		c.Tensors, c.InferenceServers = &fakeTensors{}, models
	})...)
}

// peace is how much there is of what must not grow.
type peace struct {
	goroutines int
	heap       uint64
}

func (h *harness) peace() peace {
	runtime.GC()
	runtime.GC() // pools are emptied by the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return peace{runtime.NumGoroutine(), m.HeapAlloc}
}

// wantPeace waits until there is no more than before. The heap may have a little more:
// gRPC and the runtime keep buffers.
func (h *harness) wantPeace(before peace) {
	h.t.Helper()
	const slack = 16 << 20
	var now peace
	deadline := time.Now().Add(2 * time.Minute) // of a machine that is very slow
	for {
		if now = h.peace(); now.goroutines <= before.goroutines && now.heap <= before.heap+slack {
			break
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			h.t.Fatalf("before %+v, now %+v\n%s", before, now, stacks[:runtime.Stack(stacks, true)])
		}
		<-time.After(20 * time.Millisecond)
	}
	if logs := h.logs.String(); strings.Contains(logs, "panic") || strings.Contains(logs, "call failed") {
		h.t.Errorf("the log has a fault of the worker:\n%.4000s", logs)
	}
}

// ours are the codes that say that the worker is at fault.
func ours(err error) bool {
	return slices.Contains([]codes.Code{codes.Internal, codes.Unknown, codes.DataLoss}, status.Code(err))
}

// patience is how long a call may take: a stream that was let in may have nothing to say,
// and GetFrame may be asked to wait. Others always answer.
func patience(t *testing.T, method string) time.Duration {
	if descriptor(t, method).IsStreamingServer() || method == frameportv1.FrameService_GetFrame_FullMethodName {
		return 300 * time.Millisecond
	}
	return 2 * time.Minute
}

// metadata is what a client may send beside a request.
func (g *generator) metadata() []string {
	switch g.IntN(10) {
	case 0:
		return []string{"x", strings.Repeat("a", g.IntN(maxHeaderBytes-1000))} // see TestHeadersOfACall for more
	case 1:
		return []string{"x-bin", string(g.noise(1000)), "x", "", "content-encoding", "gzip"}
	}
	return nil
}

// Every method takes whatever may be in a message from everybody.
func TestHostileMessages(t *testing.T) {
	h := besieged(t, withTokens(t))
	rounds, seed := hostileRounds(t), hostileSeed(t)
	conns := map[string]*grpc.ClientConn{"wrong": h.dial(grpc.WithPerRPCCredentials(bearer("Bearer wrong")))}
	for _, who := range []string{"", "old", "viewer", "mine-control", "controller", "boss"} {
		conns[who] = h.as(who)
	}
	for who, conn := range conns { // so that all connections are there
		if err := h.clock(conn); ours(err) {
			t.Fatalf("%s: %v", who, err)
		}
	}
	before := h.peace()
	var mu sync.Mutex
	outcomes := map[codes.Code]int{}
	var attack sync.WaitGroup
	for i, method := range h.registered() {
		attack.Go(func() {
			g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(i))), ids: []string{"mine", "theirs", "nobody"}}
			for round := range rounds {
				request, more := g.request(descriptor(t, method).Input(), requests("mine")[method].message), g.metadata()
				var calls sync.WaitGroup
				for who, conn := range conns {
					calls.Go(func() {
						ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), more...), patience(t, method))
						defer cancel()
						err := send(ctx, conn, method, request)
						mu.Lock()
						defer mu.Unlock()
						outcomes[status.Code(err)]++
						if ours(err) {
							t.Errorf("%s as %q, round %d: %v for %.200q", method, who, round, err, request)
						}
						if who == "wrong" && access()[method] != Anyone && err == nil {
							t.Errorf("%s with a wrong token was answered", method)
						}
					})
				}
				calls.Wait()
			}
		})
	}
	attack.Wait()
	t.Log(outcomes)
	for _, c := range []codes.Code{codes.OK, codes.InvalidArgument, codes.NotFound, codes.Unauthenticated, codes.PermissionDenied, codes.ResourceExhausted} {
		if outcomes[c] == 0 {
			t.Errorf("nothing ended with %v: the messages are too dull", c)
		}
	}
	for _, c := range h.cameras.List() { // that were added; else the heap has them
		_ = h.cameras.Remove(t.Context(), c.ID)
	}
	h.wantPeace(before)
}

// Thousands of calls that are opened and reset at once leave nothing behind, and the
// client beside goes on.
func TestRapidReset(t *testing.T) {
	h := besieged(t)
	if err := h.clock(h); err != nil {
		t.Fatal(err)
	}
	before := h.peace()
	methods := h.registered()
	resets := 200 * hostileRounds(t)
	var attack sync.WaitGroup
	for range 2 {
		c := h.raw()
		attack.Go(func() { _, _ = io.Copy(io.Discard, c.conn) }) // or it stands still
		attack.Go(func() {
			defer c.conn.Close()
			for n := range resets {
				stream, err := c.begin(methods[n%len(methods)])
				if err == nil {
					err = c.fr.WriteRSTStream(stream, http2.ErrCodeCancel)
				}
				if err != nil {
					return // cut, which is an answer, too
				}
			}
		})
	}
	for range 50 {
		if err := h.clock(h); err != nil {
			t.Fatal(err)
		}
	}
	attack.Wait()
	h.wantPeace(before)
}

// Streams in great number, on connections as many as it takes, end with their
// connections.
func TestTenThousandStreams(t *testing.T) {
	h := besieged(t)
	if err := h.clock(h); err != nil {
		t.Fatal(err)
	}
	before := h.peace()
	wanted := min(10_000, 100*hostileRounds(t)) // of 600 in the short form
	var conns []*rawClient
	for opened := 0; opened < wanted; opened += MaxStreams {
		c := h.raw()
		conns = append(conns, c)
		for range MaxStreams {
			if _, err := c.begin(frameportv1.FrameService_WatchFrames_FullMethodName); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "all are open", func() bool {
		return runtime.NumGoroutine() > before.goroutines+len(conns)*MaxStreams
	})
	if err := h.clock(h); err != nil {
		t.Error(err)
	}
	for _, c := range conns {
		_ = c.conn.Close()
	}
	h.wantPeace(before)
}

// Clients that read a part of an answer and go, or stay and read no more, cost nothing
// in the end.
func TestHalfReadAnswers(t *testing.T) {
	h := besieged(t, func(c *Config) { c.SlowConsumer = 300 * time.Millisecond })
	if err := h.clock(h); err != nil {
		t.Fatal(err)
	}
	before := h.peace()
	var conns []net.Conn
	for n := range 4 * hostileRounds(t) {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, conn, frameportv1.FrameService_GetFrame_FullMethodName, &frameportv1.GetFrameRequest{CameraId: "mine"})
		if _, err := io.ReadFull(conn, make([]byte, 1+n%40)); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			_ = conn.Close()
			continue
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
		_ = conn.Close()
	}
	h.wantPeace(before)
}

// begin opens a call without its request.
func (c *rawClient) begin(method string) (stream uint32, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return c.open(method), nil
}
