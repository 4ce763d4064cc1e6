package server

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/api/client"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

// mappings counts those of a file in this process: the worker's own is one.
func mappings(t *testing.T, path string) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), path)
}

// shows says whether all planes of a shared frame hold the value, in the sizes that they
// must have.
func shows(f *client.SharedFrame, value byte) bool {
	for i, n := range []int{64 * 48, 32 * 24, 32 * 24} {
		if len(f.Planes) != 3 || !bytes.Equal(f.Planes[i], bytes.Repeat([]byte{value}, n)) {
			return false
		}
	}
	return f.Valid()
}

func TestClientShareIsNewestWins(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, slots := s.cameras.camera("a"), s.slots(8)
	a.shared(slots)
	var got []uint64
	for f, err := range dialClient(t, s.harness).Share(t.Context(), "a", client.ShareOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.GetSequence())
		if !shows(f, byte(f.GetSequence())) || f.Region.GetWidth() != 64 || f.GetSkipped().GetSlowConsumer() != min(2, f.GetSequence()-1) {
			t.Errorf("%v", f.FrameLease)
		}
		if len(got) == 3 {
			break
		}
		for range 3 { // of these only the last counts
			a.shared(slots)
		}
	}
	if len(got) != 3 || got[0] != 1 || got[1] != 4 || got[2] != 7 {
		t.Errorf("frames %v", got)
	}
	if n := mappings(t, slots.region.Path); n != 1 {
		t.Errorf("%d mappings after the loop", n)
	}
	eventually(t, "the stream to end with the loop", func() bool { return a.sharing.Load() == 0 })
	if s.expired.Load() != 0 {
		t.Error("leases have expired")
	}
}

// Frames that are kept stay mapped until they are given back, from any goroutine, while
// the loop goes on in another region or has ended.
func TestClientShareKeeps(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, slots, other := s.cameras.camera("a"), s.slots(8), s.slots(8)
	a.shared(slots)
	var kept []*client.SharedFrame
	for f, err := range dialClient(t, s.harness).Share(t.Context(), "a", client.ShareOptions{MaxLeases: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		f.Keep()
		if kept = append(kept, f); len(kept) == 4 {
			break
		}
		a.shared(other)
		if len(kept) == 2 { // no lease is left: the loop waits for this
			go kept[1].Ack()
		}
		if len(kept) == 3 {
			kept[2].Ack()
			kept[2].Ack() // the worker would end the stream for this
		}
	}
	for i, want := range []byte{1, 4} {
		if f := kept[3*i]; !shows(f, want) {
			t.Errorf("%v", f.FrameLease)
		}
	}
	if mappings(t, slots.region.Path) != 2 || mappings(t, other.region.Path) != 2 {
		t.Errorf("%d and %d mappings while frames are kept", mappings(t, slots.region.Path), mappings(t, other.region.Path))
	}
	kept[0].Ack()
	kept[3].Ack()
	if mappings(t, slots.region.Path) != 1 || mappings(t, other.region.Path) != 1 {
		t.Errorf("%d and %d mappings at the end", mappings(t, slots.region.Path), mappings(t, other.region.Path))
	}
}

// A reader that was too slow can tell.
func TestClientShareValid(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, slots := s.cameras.camera("a"), s.slots(8)
	a.shared(slots)
	for f, err := range dialClient(t, s.harness).Share(t.Context(), "a", client.ShareOptions{Lease: config.MinLease}) {
		if err != nil {
			t.Fatal(err)
		}
		if !f.Valid() {
			t.Error("a frame that is held is not valid")
		}
		eventually(t, "the lease to expire", func() bool { return s.expired.Load() == 1 })
		for range 8 {
			a.shared(slots)
		}
		if f.Valid() || shows(f, 1) {
			t.Error("the slot was written to, and the frame is valid")
		}
		break
	}
}

func TestClientShareOptions(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	c := dialClient(t, s.harness)
	one := func(ctx context.Context, camera string, o client.ShareOptions, body func()) (last error) {
		for f, err := range c.Share(ctx, camera, o) {
			if last != nil || (f == nil) != (err != nil) {
				t.Errorf("%v, %v after %v", f, err, last)
			}
			if last = err; err == nil {
				body()
			}
		}
		return last
	}
	for _, o := range []client.ShareOptions{{MaxLeases: 17}, {MaxLeases: -1 << 40}, {MaxLeases: 1 << 40}, {Lease: -1}, {Lease: time.Hour}} {
		wantReason(t, one(t.Context(), "a", o, nil), codes.InvalidArgument, apierr.InvalidShare)
	}
	wantReason(t, one(t.Context(), "a", client.ShareOptions{MaxFPS: -1}, nil), codes.InvalidArgument, apierr.InvalidMaxFPS)
	wantReason(t, one(t.Context(), "nobody", client.ShareOptions{}, nil), codes.NotFound, apierr.CameraNotFound)

	a, slots := s.cameras.camera("a"), s.slots(8)
	a.shared(slots)
	ctx, cancel := context.WithCancel(t.Context())
	if err := one(ctx, "a", client.ShareOptions{}, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// A file that this program can't see, as in another container.
	if err := os.Rename(slots.region.Path, slots.region.Path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := one(t.Context(), "a", client.ShareOptions{}, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "same file system") {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(slots.region.Path, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := one(t.Context(), "a", client.ShareOptions{}, nil); err == nil || !strings.Contains(err.Error(), "somebody has shortened it") {
		t.Errorf("a short file: %v", err)
	}
	if err := errors.Join(os.Remove(slots.region.Path), os.Rename(slots.region.Path+".away", slots.region.Path)); err != nil {
		t.Fatal(err)
	}
	err := one(t.Context(), "a", client.ShareOptions{}, func() { go func() { _ = s.stop() }() })
	wantReason(t, err, codes.Unavailable, apierr.ShuttingDown)
}

func TestClientSharedBatches(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a", "b")
	publish := func(id string, n int) {
		for range n {
			s.cameras.camera(id).publish(frame.Drops{})
		}
	}
	publish("a", 1)
	publish("b", 1)
	n := uint64(0)
	o := client.BatchOptions{Tensor: bytes4x4, MaxWait: 10 * time.Second, Shared: true}
	for b, err := range dialClient(t, s.harness).Batches(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if b.GetBatchNumber() != n || b.GetShared() != nil || len(b.GetData()) != 2*3*4*4 {
			t.Fatalf("%v with %d bytes", b, len(b.GetData()))
		}
		for i, e := range b.GetEntries() {
			if uint64(b.GetData()[i*3*4*4]) != e.GetSequence() || e.GetSequence() != 2*n-1 {
				t.Errorf("row %d holds frame %d, its entry says %v", i, b.GetData()[i*3*4*4], e)
			}
		}
		if n == 5 {
			break
		}
		publish("a", 2)
		publish("b", 2)
	}
	eventually(t, "the memory to be given back", func() bool { return s.folder.Bytes() == 0 })
	if mappings(t, s.folder.Path()) != 0 || s.expired.Load() != 0 {
		t.Errorf("%d mappings after the loop, %d leases expired", mappings(t, s.folder.Path()), s.expired.Load())
	}
	s.server.cfg.SharedMemory.Folder = nil
	for _, err := range dialClient(t, s.harness).Batches(t.Context(), o) {
		wantReason(t, err, codes.FailedPrecondition, apierr.DeliveryUnavailable)
	}
}

// What a worker of another version may say does not make a client read elsewhere.
func TestClientShareOfAStrangeWorker(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	slots := s.slots(8)
	good := func() *frame.Region { r := *slots.region; return &r }
	original := slots.region
	for name, change := range map[string]func(*frame.Region){
		"device memory":             func(r *frame.Region) { r.Handle = make([]byte, 64) },
		"no bytes":                  func(r *frame.Region) { r.Bytes = 0 },
		"more than the file":        func(r *frame.Region) { r.Bytes++ },
		"slots outside":             func(r *frame.Region) { r.Bytes, r.Stride = slotStride-1, slotStride },
		"generation outside":        func(r *frame.Region) { r.Generation = slotStride - 7 },
		"generation between words":  func(r *frame.Region) { r.Generation = 12 },
		"a plane before the slot":   func(r *frame.Region) { r.Planes = []frame.PlaneLayout{{Offset: -8, Pitch: 64, Rows: 48}} },
		"planes behind one another": func(r *frame.Region) { r.Planes = []frame.PlaneLayout{{Offset: slotStride, Pitch: 64, Rows: 48}} },
	} {
		t.Run(name, func(t *testing.T) {
			slots.mu.Lock()
			slots.region = good()
			change(slots.region)
			slots.mu.Unlock()
			defer func() {
				slots.mu.Lock()
				slots.region = original
				slots.mu.Unlock()
			}()
			f := (&frame.Frame{})
			f.Reset(frame.Info{Format: original.Format, Width: 64, Height: 48}, [3]frame.Plane{}, strange{slots})
			s.cameras.account.Book(1, 0)
			s.cameras.camera("a").send(f, frame.Drops{})
			turns := 0
			for _, err := range dialClient(t, s.harness).Share(t.Context(), "a", client.ShareOptions{}) {
				if turns++; err == nil {
					t.Fatal("no error")
				}
			}
			if turns != 1 {
				t.Errorf("%d turns", turns)
			}
		})
	}
}

// A region that went while its messages waited for the program is passed over; one that
// should be there is an error.
func TestClientShareComesLate(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, here, gone := s.cameras.camera("a"), s.slots(12), s.slots(8)
	hidden := gone.region.Path + ".hidden"
	if err := os.Rename(gone.region.Path, hidden); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Rename(hidden, gone.region.Path); err != nil {
			t.Error(err)
		}
	}()
	a.shared(here)
	var got []uint64
	for f, err := range dialClient(t, s.harness).Share(t.Context(), "a", client.ShareOptions{Lease: config.MinLease}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, f.GetSequence()); len(got) == 2 {
			break
		}
		a.shared(gone)
		eventually(t, "its lease to end", func() bool { return s.expired.Load() == 2 })
		a.shared(here)
	}
	if len(got) != 2 || got[0] != 1 || got[1] != 3 {
		t.Errorf("frames %v, want 1 and 3", got)
	}
	a.shared(gone)
	for _, err := range dialClient(t, s.harness).Share(t.Context(), "a", client.ShareOptions{}) {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
	}
}

// strange is memory of frames without a slot.
type strange struct{ *slots }

func (s strange) Recycle(*frame.Frame) { s.account.Book(-1, 0) }

func (s strange) Place(*frame.Frame) (frame.Place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return frame.Place{Region: s.region, Generation: 1}, true
}

var _ frame.Shared = strange{}
