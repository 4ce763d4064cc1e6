package server

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/shm"
)

// looseShare is a stream of shared frames without a connection, in a bubble.
type looseShare struct {
	*shareStream
	t      *testing.T
	camera *fakeCamera
	slots  *slots
	grants chan grant
	done   chan error

	mu     sync.Mutex
	sent   []*frameportv1.FrameLease // that were sent
	write  func() error              // when set, instead of sending
	expire []time.Duration           // when leases expired, from the beginning
	slow   int
}

func newLooseShare(t *testing.T, open *frameportv1.ShareOpen) *looseShare {
	t.Helper()
	folder, err := shm.Open(folderOf(t), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	cameras, begin := newFakeCameras(t, "a"), time.Now()
	l := &looseShare{t: t, camera: cameras.camera("a"), grants: make(chan grant), done: make(chan error, 1)}
	l.slots = (&sharing{harness: &harness{t: t}, cameras: cameras, folder: folder}).slots(8)
	cfg := Config{Cameras: cameras, SharedMemory: SharedMemory{Folder: folder, Remote: true, Lease: time.Second}, Hooks: Hooks{
		LeasesExpired: func(_ string, n int) {
			l.mu.Lock()
			defer l.mu.Unlock()
			for range n {
				l.expire = append(l.expire, time.Since(begin))
			}
		},
		SlowConsumer: func(string) { l.slow++ }, // read after the end
	}}
	cfg.EnsureDefaults()
	s := &frameService{Server: &Server{cfg: cfg, stopping: make(chan struct{})}}
	open.CameraId = "a"
	if l.shareStream, err = s.newShareStream(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	l.shareStream.grants = l.grants
	l.send = func(m *frameportv1.ShareFramesResponse) error {
		l.mu.Lock()
		if m.GetLease() != nil {
			l.sent = append(l.sent, m.GetLease())
		}
		write := l.write
		l.mu.Unlock()
		if write != nil {
			return write()
		}
		return nil
	}
	go func() {
		defer l.close()
		l.done <- l.run(auth.NewContext(context.Background(), auth.Trusted("test")))
	}()
	synctest.Wait()
	return l
}

// publish publishes a frame in a slot and waits for what comes of it.
func (l *looseShare) publish() {
	l.camera.shared(l.slots)
	synctest.Wait()
}

// newest is the last lease that was sent, of n in all.
func (l *looseShare) newest(n int) *frameportv1.FrameLease {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sent) != n {
		l.t.Fatalf("%d leases, want %d: %v", len(l.sent), n, l.sent)
	}
	return l.sent[n-1]
}

// expired is when leases have expired.
func (l *looseShare) expired() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.expire)
}

func (l *looseShare) end() {
	l.grants <- grant{err: io.ErrClosedPipe}
	if err := <-l.done; !errors.Is(err, io.ErrClosedPipe) {
		l.t.Error(err)
	}
}

func TestShareExpiry(t *testing.T) {
	for name, tc := range map[string]struct {
		open *frameportv1.ShareOpen
		want time.Duration
	}{
		"the worker's": {&frameportv1.ShareOpen{}, time.Second},
		"shortest":     {&frameportv1.ShareOpen{LeaseDuration: durationOf(config.MinLease)}, config.MinLease},
		"longest":      {&frameportv1.ShareOpen{LeaseDuration: durationOf(config.MaxLease)}, config.MaxLease},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLooseShare(t, tc.open)
				l.publish()
				l.newest(1)
				l.publish()
				l.publish()
				time.Sleep(tc.want - time.Nanosecond)
				synctest.Wait()
				l.newest(1)
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if next := l.newest(2); next.GetSequence() != 3 || !slices.Equal(l.expired(), []time.Duration{tc.want}) {
					t.Errorf("then %v; expired after %v", next, l.expired())
				}
				l.grants <- grant{ack: true, lease: 1} // too late, and fine
				l.grants <- grant{ack: true, lease: 2}
				l.publish()
				if next := l.newest(3); next.GetSequence() != 4 || len(l.expired()) != 1 {
					t.Errorf("then %v; expired after %v", next, l.expired())
				}
				l.end()
			})
		})
	}
}

func TestShareMaxFPS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooseShare(t, &frameportv1.ShareOpen{MaxFps: 10, MaxLeases: 2, LeaseDuration: durationOf(config.MaxLease)})
		l.publish()
		l.newest(1)
		for range 3 {
			time.Sleep(20 * time.Millisecond)
			l.publish()
		}
		l.newest(1)
		time.Sleep(40 * time.Millisecond)
		synctest.Wait()
		if next := l.newest(2); next.GetSequence() != 4 || !proto.Equal(next.GetSkipped(), &frameportv1.Skipped{Policy: 2}) {
			t.Errorf("%v", next)
		}
		// All leases are held: what is due does not make the loop spin, and what comes after
		// that counts as not asked for.
		l.publish()
		time.Sleep(time.Second)
		l.publish()
		l.grants <- grant{ack: true, lease: 2}
		synctest.Wait()
		if next := l.newest(3); next.GetSequence() != 6 || !proto.Equal(next.GetSkipped(), &frameportv1.Skipped{SlowConsumer: 1}) {
			t.Errorf("%v", next)
		}
		l.end()
	})
}

// A client that does not read is cut, and what it was lent goes back.
func TestShareSlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooseShare(t, &frameportv1.ShareOpen{MaxLeases: 2, LeaseDuration: durationOf(config.MaxLease)})
		l.publish()
		stuck := make(chan struct{})
		l.mu.Lock()
		l.write = func() error { <-stuck; return io.ErrClosedPipe }
		l.mu.Unlock()
		begin := time.Now()
		l.publish()
		for range 10 { // producers don't wait
			l.publish()
		}
		err := <-l.done
		wantReason(t, l.statusOf(t.Context(), err), codes.ResourceExhausted, apierr.SlowConsumer)
		if took := time.Since(begin); took != DefaultSlowConsumer || l.slow != 1 {
			t.Errorf("cut after %v, %d times", took, l.slow)
		}
		synctest.Wait()
		if n := l.slots.out(); n != 4 { // those of the ring
			t.Errorf("%d frames are held", n)
		}
		close(stuck)
		l.background.Wait()
	})
}

// A stream that ends while a frame is made ready releases it, and lends it to nobody.
func TestShareEndsWhileAFrameIsMadeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooseShare(t, &frameportv1.ShareOpen{})
		hold := make(chan struct{})
		l.slots.mu.Lock()
		l.slots.hold = hold
		l.slots.mu.Unlock()
		l.publish()
		l.end()
		for range 4 {
			l.publish() // the ring has another four
		}
		if n := l.slots.out(); n != 5 {
			t.Errorf("%d frames are held, want the ring's and the one that is made ready", n)
		}
		close(hold)
		l.background.Wait()
		if n := l.slots.out(); n != 4 || len(l.sent) != 0 {
			t.Errorf("%d frames are held, leases %v", n, l.sent)
		}
	})
}
