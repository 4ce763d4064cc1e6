package server

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

func TestShareFrames(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	var count, size atomic.Int64
	s.server.cfg.Hooks.FrameShared = func(method string, n int) {
		if method != frameportv1.FrameService_ShareFrames_FullMethodName {
			t.Error(method)
		}
		count.Add(1)
		size.Add(int64(n))
	}
	a, slots := s.cameras.camera("a"), s.slots(8)
	a.publish(frame.Drops{}) // before anybody wanted to share
	r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", Kind: frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY, MaxLeases: 2}))
	eventually(t, "the camera to be asked", func() bool { return a.sharing.Load() == 2 })
	a.publish(frame.Drops{}) // the decoder has no region yet
	var leases []*frameportv1.FrameLease
	for n := uint64(1); n <= 6; n++ {
		want := a.shared(slots)
		l := r.lease()
		if l.GetLeaseId() != n || l.GetSequence() != want || l.GetCameraId() != "a" || l.GetEpoch() != 1 || l.GetReceivedTime() == nil ||
			!proto.Equal(l.GetSkipped(), &frameportv1.Skipped{}) || l.GetByteSize() != slotBytes ||
			l.GetExpireTime().AsTime().Sub(l.GetSentTime().AsTime()) != config.MaxLease {
			t.Errorf("%v, want frame %d", l, want)
		}
		if leases = append(leases, l); len(leases) == 2 {
			r.ack(leases[0])
			leases = leases[1:]
		}
	}
	if len(r.regions) != 1 || r.regions[0].GetKey() != slots.region.Path || r.regions[0].GetFormat() != frameportv1.ImageFormat_IMAGE_FORMAT_I420 {
		t.Errorf("regions %v", r.regions)
	}
	// The pictures get another shape, and so the decoder makes another region.
	other := s.slots(2)
	a.shared(other)
	r.ack(leases[0])
	r.lease()
	if len(r.regions) != 2 || r.regions[1].GetName() != other.region.Name {
		t.Errorf("regions %v", r.regions)
	}
	eventually(t, "all leases to be counted", func() bool { return count.Load() == 7 && size.Load() == 7*slotBytes })
	r.end()
	eventually(t, "the camera to be asked no more", func() bool { return a.sharing.Load() == 0 })
}

// What was lent stays as it is; the newest frame goes when a lease is given back, and the
// others are counted. Nobody else waits meanwhile.
func TestShareIsNewestWins(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, slots := s.cameras.camera("a"), s.slots(7) // four for the ring, and one in the works
	r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 2}))
	watch := s.watch(&frameportv1.WatchFramesStart{})
	publish := func() (n uint64) {
		n = a.shared(slots)
		if f := watch.frame(); f.GetSequence() != n || f.GetSkipped().GetSlowConsumer() != 0 {
			t.Fatalf("another reader got %v, want frame %d", f, n)
		}
		watch.grant(1)
		return n
	}
	publish()
	one := r.lease()
	publish()
	two := r.lease()
	var newest uint64
	for range 20 {
		newest = publish()
	}
	if !r.holds(one, 1) || !r.holds(two, 2) {
		t.Error("a slot that is lent was written to")
	}
	r.ack(two)
	if l := r.lease(); l.GetSequence() != newest || !proto.Equal(l.GetSkipped(), &frameportv1.Skipped{SlowConsumer: newest - 3}) {
		t.Errorf("%v, want frame %d", l, newest)
	}
	if !r.holds(one, 1) || s.expired.Load() != 0 {
		t.Error("the first lease is over")
	}
	// While no slot is free frames come without one, and count.
	var hold []*frame.Frame
	fill := func() (n int) {
		for f := slots.frame(0); f != nil; f = slots.frame(0) {
			hold = append(hold, f)
			n++
		}
		return n
	}
	fill()
	for range 4 { // the ring gives its slots back one by one
		publish()
		fill()
	}
	r.ack(one)
	eventually(t, "the slot of the acked lease to be free", func() bool { return fill() == 1 })
	for range 2 {
		publish()
	}
	for _, f := range hold {
		f.Release()
	}
	newest = publish()
	if l := r.lease(); l.GetSequence() != newest || l.GetSkipped().GetSlowConsumer() != 6 {
		t.Errorf("%v, want frame %d", l, newest)
	}
}

// A client that never acks waits for its leases to expire, each time, and that is counted.
func TestShareNeverAcked(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, slots := s.cameras.camera("a"), s.slots(8)
	r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", LeaseDuration: durationOf(config.MinLease)}))
	a.shared(slots)
	last := r.lease()
	for n := int64(1); n <= 5; n++ {
		a.shared(slots)
		l := r.lease()
		if l.GetSequence() <= last.GetSequence() || l.GetSentTime().AsTime().Before(last.GetExpireTime().AsTime()) {
			t.Errorf("%v after %v", l, last)
		}
		if got := s.expired.Load(); got < n {
			t.Errorf("%d leases have expired, of %d", got, n)
		}
		last = l
	}
	// A late ack is no error, a second one is.
	for _, id := range []uint64{1, 2, 1} {
		_ = r.Send(ackShare(id))
	}
	err := r.err()
	wantReason(t, err, codes.InvalidArgument, apierr.UnknownLease)
	if !strings.Contains(fmt.Sprint(err), "lease_id: is 1") {
		t.Error(err)
	}
}

func TestShareWrongAcks(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	slots := s.slots(8)
	s.cameras.camera("a").shared(slots)
	for name, acks := range map[string][]uint64{"zero": {0}, "to come": {2}, "twice": {1, 1}} {
		t.Run(name, func(t *testing.T) {
			r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"}))
			r.lease()
			for _, id := range acks {
				_ = r.Send(ackShare(id))
			}
			wantReason(t, r.err(), codes.InvalidArgument, apierr.UnknownLease)
		})
	}
	s.cameras.camera("a").ring.Close(camera.ErrRemoved) // all that is left holds the leases
	eventually(t, "all leases to end with their streams", func() bool { return slots.out() == 0 })
}

// A client that is killed gives everything back at once, and nobody else notices.
func TestShareKilledClient(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, slots := s.cameras.camera("a"), s.slots(20)
	other := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"}))
	killed := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 16}))
	for range 15 {
		n := a.shared(slots)
		killed.lease()
		l := other.lease()
		if l.GetSequence() != n {
			t.Errorf("the other reader got %v, want frame %d", l, n)
		}
		other.ack(l)
	}
	killed.end()
	eventually(t, "its leases to end", func() bool { return slots.out() <= 5 && a.sharing.Load() == 1 })
	n := a.shared(slots)
	if l := other.lease(); l.GetSequence() != n || l.GetSkipped().GetSlowConsumer() != 0 {
		t.Errorf("the other reader got %v, want frame %d", l, n)
	}
	if s.expired.Load() != 0 {
		t.Error("leases have expired")
	}
}

// Of 200 clients of one camera 64 can hold a frame each; the others are told what to do.
func TestShareManyClients(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a", "b")
	slots, elsewhere := s.slots(4+maxCameraLeases), s.slots(4)
	a := s.cameras.camera("a")
	watch := s.watch(&frameportv1.WatchFramesStart{CameraIds: []string{"a"}})
	a.shared(slots)
	watch.frame()
	clients, refused := make([]*sharer, 0, 200), 0
	var holders []*sharer
	for len(clients) < cap(clients) {
		if len(clients)%90 == 0 { // a connection has 100 streams at most
			s.frame = frameportv1.NewFrameServiceClient(s.dial())
		}
		r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"}))
		clients = append(clients, r)
		m, err := r.Recv()
		if err == nil {
			r.open(m.GetRegion())
			r.lease()
			holders = append(holders, r)
			continue
		}
		refused++
		wantReason(t, err, codes.ResourceExhausted, apierr.TooManyLeases)
		if !strings.Contains(err.Error(), "WatchFrames") || apierr.Metadata(err)[apierr.MetaLimit] != "64" {
			t.Error(err)
		}
	}
	if len(holders) != maxCameraLeases || refused != 200-maxCameraLeases || a.sharing.Load() != maxCameraLeases {
		t.Fatalf("%d hold a frame, %d were refused, %d slots are wanted", len(holders), refused, a.sharing.Load())
	}
	watch.grant(1)
	n := a.shared(slots)
	if f := watch.frame(); f.GetSequence() != n {
		t.Errorf("another reader got %v", f)
	}
	s.cameras.camera("b").shared(elsewhere)
	s.share(openShare(&frameportv1.ShareOpen{CameraId: "b", MaxLeases: 16})).lease() // has its own bound
	holders[0].end()
	eventually(t, "room for one more", func() bool { return a.sharing.Load() == maxCameraLeases-1 })
	eventually(t, "another one to have it", func() bool {
		m, err := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"})).Recv()
		return err == nil && m.GetRegion() != nil
	})
}

// A stream holds as many frames as it may, and so do all streams of a camera together;
// what they hold stays as it is, and nobody gets one more before it has given one back.
func TestSharesHoldAsManyAsTheyMay(t *testing.T) {
	const perStream, perCamera = 16, 64
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, slots := s.cameras.camera("a"), s.slots(perCamera+6) // four for the ring
	type held struct {
		*sharer
		leases []*frameportv1.FrameLease
	}
	var all []*held
	newest := a.shared(slots)
	for range perCamera / perStream {
		h := &held{sharer: s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: perStream}))}
		h.leases = append(h.leases, h.lease())
		for len(h.leases) < perStream {
			newest = a.shared(slots)
			h.leases = append(h.leases, h.lease())
		}
		all = append(all, h)
	}
	_, err := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"})).Recv()
	wantReason(t, err, codes.ResourceExhausted, apierr.TooManyLeases)
	const more = 3
	for range more {
		newest = a.shared(slots)
	}
	for i, h := range all {
		if !holdsAll(h.sharer, h.leases) {
			t.Errorf("client %d: a frame that it holds was written to", i)
		}
		// The next lease comes with the first ack, and what was published meanwhile was not
		// for this client.
		h.ack(h.leases[0])
		l := h.lease()
		if l.GetLeaseId() != perStream+1 || l.GetSequence() != newest || l.GetSkipped().GetSlowConsumer() != newest-h.leases[perStream-1].GetSequence()-1 {
			t.Errorf("client %d: %v after %v, newest %d", i, l, h.leases[perStream-1], newest)
		}
	}
	if s.expired.Load() != 0 {
		t.Error("leases have expired")
	}
}

func holdsAll(r *sharer, leases []*frameportv1.FrameLease) bool {
	for _, l := range leases {
		if !r.holds(l, byte(l.GetSequence())) {
			return false
		}
	}
	return true
}

// A client that has closed its side can't ack, but may read what it was lent.
func TestShareAfterCloseSend(t *testing.T) {
	s := newSharing(t, folderOf(t), 50*time.Millisecond, "a")
	slots := s.slots(8)
	s.cameras.camera("a").shared(slots)
	r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 2}))
	l := r.lease()
	if err := r.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := r.err(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if s.expired.Load() != 1 || time.Now().Before(l.GetExpireTime().AsTime()) {
		t.Error("the stream ended before its lease")
	}
}
