package surface_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/gpu/surface"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRing(t *testing.T, device *gpu.Device, c surface.Config) *surface.Ring {
	t.Helper()
	r, err := surface.New(device, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func take(t *testing.T, r *surface.Ring) *surface.Slot {
	t.Helper()
	s, err := r.Take()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func info(r *surface.Ring) frame.Info {
	c := r.Config()
	return frame.Info{Format: media.PixelNV12, Width: c.Width, Height: c.Height}
}

// TestLayout: one allocation, slots that lie apart, booked for the camera.
func TestLayout(t *testing.T) {
	device := gputest.Open(t).Device(gpu.DeviceConfig{})
	account := new(frame.Account)
	for _, c := range []surface.Config{
		{Width: 1280, Height: 720, Slots: 5, Owner: "door"},
		{Width: 1919, Height: 1079, Slots: 3, Owner: "door"},
		{Width: 2, Height: 2, Slots: 1, Owner: "door"},
	} {
		c.Account = account
		r, err := surface.New(device, c)
		if err != nil {
			t.Fatal(err)
		}
		booked := device.Ledger().Snapshot().ByOwner["door"][gpu.PurposeRing]
		if booked.Bytes != c.Bytes() || booked.Bytes%gpu.Granularity != 0 || booked.Objects != 1+c.Slots {
			t.Errorf("%dx%d: %+v is booked, want %d bytes and %d objects", c.Width, c.Height, booked, c.Bytes(), 1+c.Slots)
		}
		if account.DeviceBytes() != booked.Bytes {
			t.Errorf("the account shows %d bytes, want %d", account.DeviceBytes(), booked.Bytes)
		}
		var held []*surface.Slot
		end := r.Memory().Address()
		for range c.Slots {
			s := take(t, r)
			luma, chroma := s.Luma(), s.Chroma()
			if luma.Address != end || luma.Address != r.Memory().Address()+gpu.Address(s.Offset()) {
				t.Errorf("slot at %#x, want %#x", luma.Address, end)
			}
			if luma.Pitch%256 != 0 || luma.Pitch < c.Width || chroma.Pitch != luma.Pitch || luma.Address%256 != 0 {
				t.Errorf("pitch %d and %d at %#x", luma.Pitch, chroma.Pitch, luma.Address)
			}
			if rows := int(chroma.Address-luma.Address) / luma.Pitch; rows < c.Height || rows%2 != 0 {
				t.Errorf("%d rows of luma for %d", rows, c.Height)
			}
			end = chroma.Address + gpu.Address(chroma.Pitch*((c.Height+1)/2))
			held = append(held, s)
		}
		if limit := r.Memory().Address() + gpu.Address(r.Memory().Size()); end > limit {
			t.Errorf("the slots end at %#x, the memory at %#x", end, limit)
		}
		for _, s := range held {
			r.Put(s)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRefused(t *testing.T) {
	device := gputest.Open(t).Device(gpu.DeviceConfig{})
	for _, c := range []surface.Config{
		{Width: 0, Height: 2, Slots: 1},
		{Width: 2, Height: 1<<15 + 1, Slots: 1},
		{Width: 2, Height: 2},
		{Width: 2, Height: 2, Slots: 1 << 20},
	} {
		if _, err := surface.New(device, c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

// TestFull: when readers hold everything the next picture is refused and counted,
// and a slot that comes back is the next one.
func TestFull(t *testing.T) {
	device := gputest.Open(t).Device(gpu.DeviceConfig{})
	account := new(frame.Account)
	r := newRing(t, device, surface.Config{Width: 64, Height: 64, Slots: 2, Owner: "door", Account: account})
	first, second := take(t, r).Publish(info(r)), take(t, r).Publish(info(r))
	if account.Frames() != 2 {
		t.Errorf("%d frames in the account", account.Frames())
	}
	if _, err := r.Take(); !errors.Is(err, surface.ErrFull) {
		t.Errorf("a third slot: %v, want ErrFull", err)
	}
	if got, want := r.Stats(), (surface.Stats{Slots: 2, Held: 2, Refused: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := r.Close(); !errors.Is(err, surface.ErrLive) {
		t.Errorf("Close with live frames: %v, want ErrLive", err)
	}
	slot, ok := surface.Of(second)
	if !ok || slot.Device() != device || slot.Ring() != r {
		t.Fatal("the frame does not lead to its slot")
	}
	second.Release()
	if got := take(t, r); got != slot {
		t.Error("the slot that came back is not the one that is handed out")
	} else {
		r.Put(got)
	}
	first.Release()
	if account.Frames() != 0 {
		t.Errorf("%d frames in the account at the end", account.Frames())
	}
}

// TestRetire: memory and account go with the last frame, not before.
func TestRetire(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	device := sim.Device(gpu.DeviceConfig{})
	account := new(frame.Account)
	r, err := surface.New(device, surface.Config{Width: 64, Height: 64, Slots: 3, Owner: "door", Account: account})
	if err != nil {
		t.Fatal(err)
	}
	frames := []*frame.Frame{take(t, r).Publish(info(r)), take(t, r).Publish(info(r))}
	if err := r.Retire(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Take(); !errors.Is(err, gpu.ErrClosed) {
		t.Errorf("a slot of a retired ring: %v, want ErrClosed", err)
	}
	frames[0].Release()
	if sim.Live("memory") != 1 || account.DeviceBytes() == 0 {
		t.Errorf("%d allocations and %d bytes with a live frame", sim.Live("memory"), account.DeviceBytes())
	}
	frames[1].Release()
	if sim.Live("memory") != 0 || sim.Live("event") != 0 || account.DeviceBytes() != 0 {
		t.Errorf("%d allocations, %d events, %d bytes after the last frame", sim.Live("memory"), sim.Live("event"), account.DeviceBytes())
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close of what is gone: %v", err)
	}
}

// TestOutOfMemory: a ring that fails half way leaves nothing behind.
func TestOutOfMemory(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	device := sim.Device(gpu.DeviceConfig{})
	for _, fault := range []string{"cuMemAlloc:1:2", "cuEventCreate:3:2"} {
		sim.Fail(fault)
		account := new(frame.Account)
		if _, err := surface.New(device, surface.Config{Width: 64, Height: 64, Slots: 4, Owner: "door", Account: account}); !errors.Is(err, gpu.ErrOutOfMemory) {
			t.Errorf("%s: %v, want ErrOutOfMemory", fault, err)
		}
		if sim.Live("memory") != 0 || sim.Live("event") != 0 || account.DeviceBytes() != 0 || len(device.Ledger().Snapshot().ByOwner["door"]) != 0 {
			t.Errorf("%s: something is left: %v", fault, device.Ledger().Zero())
		}
	}
}

// TestReady: a reader that waits for the slot sees the writer's pixels, however
// late the writer's stream is.
func TestReady(t *testing.T) {
	sim := gputest.Open(t)
	sim.NeedsSimulator()
	device := sim.Device(gpu.DeviceConfig{})
	use := gpu.Use{Purpose: gpu.PurposeOther}
	r := newRing(t, device, surface.Config{Width: 64, Height: 32, Slots: 1, Owner: "door"})
	writer, err := device.NewStream(use)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader, err := device.NewStream(use)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	host, err := device.AllocPinned(64*32, use)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()

	sim.Stall(true)
	s := take(t, r)
	if err := errors.Join(device.Memset2D(writer, s.Luma(), 7, 64, 32), s.Written().Record(writer)); err != nil {
		t.Fatal(err)
	}
	f := s.Publish(info(r))
	defer f.Release()
	if done, err := s.Written().Query(); done || err != nil {
		t.Errorf("ready %v, %v while the writer's stream stands still", done, err)
	}
	if err := errors.Join(s.Wait(reader), device.CopyToHost2D(reader, gpu.HostPlane{Memory: host, Pitch: 64}, s.Luma(), 64, 32)); err != nil {
		t.Fatal(err)
	}
	release := time.AfterFunc(5*time.Millisecond, func() { sim.Stall(false) })
	defer release.Stop()
	if err := errors.Join(s.Synchronize(), reader.Synchronize()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(host.Bytes(), bytes.Repeat([]byte{7}, 64*32)) {
		t.Error("the reader did not see what was written")
	}
}

// TestConcurrent: frames go back from many goroutines while slots are taken.
func TestConcurrent(t *testing.T) {
	device := gputest.Open(t).Device(gpu.DeviceConfig{})
	r := newRing(t, device, surface.Config{Width: 64, Height: 64, Slots: 8, Owner: "door"})
	frames := make(chan *frame.Frame, 8)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for f := range frames {
				f.Release()
			}
		})
	}
	published := 0
	for range 2000 {
		s, err := r.Take()
		if err != nil {
			if !errors.Is(err, surface.ErrFull) {
				t.Fatal(err)
			}
			continue
		}
		frames <- s.Publish(info(r))
		published++
	}
	close(frames)
	readers.Wait()
	if got := r.Stats(); got.Held != 0 || uint64(published)+got.Refused != 2000 {
		t.Errorf("%d published, %+v", published, got)
	}
}
