package backend_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// TestLedger: every byte is somebody's, what is fixed and what is a camera's are told
// apart, and it fits what the driver says.
func TestLedger(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	fixed := r.Devices()[0]
	for _, p := range []gpu.Purpose{gpu.PurposeContext, gpu.PurposeModule, gpu.PurposeJPEG} {
		if fixed.Ledger.ByPurpose[p].Bytes <= 0 {
			t.Errorf("%v takes %+v", p, fixed.Ledger.ByPurpose[p])
		}
	}
	if fixed.Cameras != 0 || len(fixed.Ledger.ByOwner) != 1 {
		t.Errorf("without cameras: %+v", fixed)
	}
	var frames []*frame.Frame
	for _, id := range []string{"a", "b"} {
		clip, q := r.clip(id, "h264_crop")
		d, _ := r.decoder(q)
		frames = append(frames, first(t, d, clip))
	}
	s := r.Devices()[0]
	var byPurpose, byOwner int64
	for _, u := range s.Ledger.ByPurpose {
		byPurpose += u.Bytes
	}
	for owner := range s.Ledger.ByOwner {
		byOwner += s.Ledger.Owner(owner).Bytes
	}
	a, b := r.DeviceMemory("a"), r.DeviceMemory("b")
	cameras := a.Decoder + a.Ring + a.Other + b.Decoder + b.Ring + b.Other
	if total := s.Ledger.Total.Bytes; byPurpose != total || byOwner != total || s.Ledger.Owner("").Bytes+cameras != total || s.Cameras != 2 {
		t.Errorf("total %d, by purpose %d, by owner %d, cameras %d of %d", total, byPurpose, byOwner, cameras, s.Cameras)
	}
	if s.Ledger.Owner("").Bytes != fixed.Ledger.Total.Bytes || a.Decoder <= 0 || a.Ring <= 0 || b.Decoder <= 0 || a.Ring != b.Ring {
		t.Errorf("fixed %d, before %d; cameras %+v and %+v", s.Ledger.Owner("").Bytes, fixed.Ledger.Total.Bytes, a, b)
	}
	if !s.Process.Known || s.Process.N < s.Ledger.Total.Bytes || s.Total-s.Free < s.Ledger.Total.Bytes || s.Driver == "" {
		t.Errorf("the driver says %+v and %d of %d, the ledger %d", s.Process, s.Total-s.Free, s.Total, s.Ledger.Total.Bytes)
	}
	if got := r.account.DeviceBytes(); got != a.Ring+b.Ring {
		t.Errorf("the account has %d bytes, the rings %d", got, a.Ring+b.Ring)
	}
	for _, f := range frames {
		f.Release()
	}
	if r.DeviceMemory("nobody") != (camera.DeviceMemory{}) {
		t.Error("somebody unknown has memory")
	}
}

// TestCloseNamesWhatIsLeft: nothing is freed under a decoder or a frame; without them it
// can be closed again.
func TestCloseNamesWhatIsLeft(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	clip, q := r.clip("front-door", "h265_main10") // its pictures need the kernels
	d, _ := r.decoder(q)
	f := first(t, d, clip)
	left := func() {
		t.Helper()
		if err := r.Close(); !errors.Is(err, gpu.ErrLeak) || !strings.Contains(err.Error(), "front-door") {
			t.Errorf("got %v", err)
		}
	}
	left()
	if n, err := count(t.Context(), d, clip, 5); n == 0 || err != nil {
		t.Errorf("the decoder after that: %d frames, %v", n, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	left()
	f.Release()
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWatchEnds(t *testing.T) {
	_, r := openCUDA(t, backend.Config{})
	host := open(t, backend.Config{Kind: config.BackendCPU})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, b := range []*backend.Backend{r.Backend, host.Backend} {
		go func() { ended <- b.Watch(ctx) }()
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// TestWatchSeesALoss: an error that breaks one GPU's context ends the watch, with it.
func TestWatchSeesALoss(t *testing.T) {
	if !inLostChild(t, "DEVICES=2", "FAIL=cuvidDecodePicture:2:719") {
		return
	}
	b, err := backend.New(t.Context(), backend.Config{LibraryPath: gputest.LibraryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	watched := make(chan error, 1)
	go func() { watched <- b.Watch(context.Background()) }()
	r := &rig{Backend: b, t: t, account: &frame.Account{}}
	clip, q := r.clip("a", "color_red")
	d, err := b.NewDecoder(q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := count(t.Context(), d, clip, 3); !errors.Is(err, gpu.ErrDeviceLost) {
		t.Errorf("got %v", err)
	}
	if err := <-watched; !errors.Is(err, gpu.ErrDeviceLost) || !strings.Contains(err.Error(), "(719)") {
		t.Errorf("watch: %v", err)
	}
	for _, s := range b.Devices() { // it tells what it still can
		if s.Total == 0 == (s.Cameras == 0) {
			t.Errorf("device %+v", s)
		}
	}
}

// TestWatchSeesAHang: a call that stays in the driver ends the watch; one that returns
// in time does not.
func TestWatchSeesAHang(t *testing.T) {
	gputest.Open(t)
	synctest.Test(t, func(t *testing.T) {
		r := open(t, backend.Config{Kind: config.BackendCUDA})
		watched := make(chan error, 1)
		go func() { watched <- r.Watch(t.Context()) }()
		gate := backend.GPUs(r.Backend)[0].Gate()
		enter := func() (leave func()) {
			leave, err := gate.Acquire(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			return leave
		}
		for range 3 {
			leave := enter()
			time.Sleep(backend.Hang*11/10 - time.Second) // is seen once at most
			leave()
		}
		select {
		case err := <-watched:
			t.Fatalf("calls that return: %v", err)
		default:
		}
		entered := time.Now()
		leave := enter()
		err := <-watched
		leave()
		if !errors.Is(err, gpu.ErrDeviceLost) || !strings.Contains(err.Error(), "has not returned for 1m") {
			t.Errorf("got %v", err)
		}
		if d := time.Since(entered); d <= backend.Hang || d > 2*backend.Hang {
			t.Errorf("it took %v", d)
		}
	})
}
