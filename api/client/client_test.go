package client_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// What the client does against the worker's own server is tested there.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDialSaysHowAnAddressIsWritten(t *testing.T) {
	for _, address := range []string{"", "localhost", "localhost:", "http://localhost", "unix:", "unix:///"} {
		c, err := client.Dial(address)
		if err == nil {
			_ = c.Close()
			t.Errorf("%q is taken", address)
		} else if !strings.Contains(err.Error(), "write ") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// skewed is a worker whose clock is wrong, and runs backwards if asked to.
type skewed struct {
	frameportv1.UnimplementedWorkerServiceServer
	offset   time.Duration
	backward time.Duration
	// slow probes are answered late: all but one, and only on their way there.
	slow  time.Duration
	calls atomic.Int32
}

func (s *skewed) GetClock(_ context.Context, r *frameportv1.GetClockRequest) (*frameportv1.GetClockResponse, error) {
	if s.calls.Add(1) != 5 && s.slow > 0 {
		<-time.After(s.slow)
	}
	t1 := time.Now().Add(s.offset)
	return &frameportv1.GetClockResponse{
		ClientSendTime: r.GetClientSendTime(), WorkerReceiveTime: timestamppb.New(t1), WorkerSendTime: timestamppb.New(t1.Add(-s.backward)),
	}, nil
}

// serve runs a worker's clock on a unix socket and returns a client of it.
func serve(t *testing.T, s *skewed) *client.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.sock")
	lis, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	frameportv1.RegisterWorkerServiceServer(g, s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(lis) }()
	c, err := client.Dial("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		g.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestClock(t *testing.T) {
	for _, offset := range []time.Duration{0, time.Hour, -90 * time.Minute} {
		e, err := serve(t, &skewed{offset: offset}).Clock(t.Context())
		if err != nil || (e.Offset-offset).Abs() > e.ErrorBound || e.ErrorBound <= 0 || e.ErrorBound > time.Minute {
			t.Errorf("offset %v: %+v, %v", offset, e, err)
		}
		worker := time.Now().Add(e.Offset)
		if got := e.Local(worker); !got.Equal(worker.Add(-e.Offset)) {
			t.Errorf("%v is %v here", worker, got)
		}
	}
}

// A probe that waited on its way is half its wait wrong; the one that did not counts,
// and the bound holds all the same.
func TestClockTakesTheShortestProbe(t *testing.T) {
	const slow = 200 * time.Millisecond
	s := &skewed{offset: time.Hour, slow: slow}
	e, err := serve(t, s).Clock(t.Context())
	if err != nil || (e.Offset-time.Hour).Abs() > e.ErrorBound {
		t.Errorf("%+v, %v", e, err)
	}
	// The slow probes have a bound of slow/2 at least, on a machine of any speed.
	if n := s.calls.Load(); n != 8 {
		t.Errorf("%d probes", n)
	}
	if e.ErrorBound >= slow/2 {
		t.Errorf("the bound is %v, that of a slow probe", e.ErrorBound)
	}
}

func TestClockFails(t *testing.T) {
	if e, err := serve(t, &skewed{backward: time.Second}).Clock(t.Context()); !errors.Is(err, client.ErrClock) || e != (client.ClockEstimate{}) {
		t.Errorf("a clock that runs back: %+v, %v", e, err)
	}
	c, err := client.Dial("unix:" + filepath.Join(t.TempDir(), "nobody"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Clock(t.Context()); status.Code(err) != codes.Unavailable {
		t.Errorf("no worker: %v", err)
	}
}
