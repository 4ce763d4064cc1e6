package server

import (
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

const sharedMemory, cudaIPC = frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY, frameportv1.RegionKind_REGION_KIND_CUDA_IPC

func TestShareBadInput(t *testing.T) {
	cameras := newFakeCameras(t, "a")
	h := newHarness(t, cameras, newFakeRenderer(10))
	open := func(change func(*frameportv1.ShareOpen)) *frameportv1.ShareFramesRequest {
		o := &frameportv1.ShareOpen{CameraId: "a"}
		change(o)
		return openShare(o)
	}
	good := openShare(&frameportv1.ShareOpen{CameraId: "a"})
	one := func(m ...*frameportv1.ShareFramesRequest) []*frameportv1.ShareFramesRequest { return m }
	for name, tc := range map[string]struct {
		first  []*frameportv1.ShareFramesRequest
		reason apierr.Reason
		field  string
		text   string
	}{
		"other first message": {one(ackShare(1)), apierr.StartRequired, "open", "must be the first"},
		"empty message":       {one(good, &frameportv1.ShareFramesRequest{}), apierr.InvalidShare, "request", "send an ack"},
		"opened twice":        {one(good, good), apierr.StartRepeated, "open", "open another stream"},
		"no camera":           {one(open(func(o *frameportv1.ShareOpen) { o.CameraId = "" })), apierr.InvalidCameraID, "camera_id", "is empty"},
		"unknown kind":        {one(open(func(o *frameportv1.ShareOpen) { o.Kind = 9 })), apierr.InvalidShare, "open.kind", "leave it unset"},
		"negative leases":     {one(open(func(o *frameportv1.ShareOpen) { o.MaxLeases = -1 })), apierr.InvalidShare, "open.max_leases", "give 1 to 16"},
		"too many leases":     {one(open(func(o *frameportv1.ShareOpen) { o.MaxLeases = 17 })), apierr.InvalidShare, "open.max_leases", "is 17"},
		"most leases of all":  {one(open(func(o *frameportv1.ShareOpen) { o.MaxLeases = math.MinInt32 })), apierr.InvalidShare, "open.max_leases", "give 1 to 16"},
		"long lease": {
			one(open(func(o *frameportv1.ShareOpen) { o.LeaseDuration = durationOf(config.MaxLease + 1) })), apierr.InvalidShare, "open.lease_duration", "give 10ms to 1m0s",
		},
		"no lease": {one(open(func(o *frameportv1.ShareOpen) { o.LeaseDuration = durationOf(0) })), apierr.InvalidShare, "open.lease_duration", "unset for 2s"},
		"broken lease": {
			one(open(func(o *frameportv1.ShareOpen) { o.LeaseDuration = &durationpb.Duration{Seconds: 1, Nanos: -1} })), apierr.InvalidShare, "open.lease_duration", "no valid duration",
		},
		"negative rate": {one(open(func(o *frameportv1.ShareOpen) { o.MaxFps = -1 })), apierr.InvalidMaxFPS, "open.max_fps", "is -1"},
		"no rate":       {one(open(func(o *frameportv1.ShareOpen) { o.MaxFps = math.NaN() })), apierr.InvalidMaxFPS, "open.max_fps", "NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			err := h.share(tc.first...).err()
			wantReason(t, err, codes.InvalidArgument, tc.reason)
			if v := apierr.Violations(err); len(v) == 0 || v[0].Field != tc.field || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v, violations %v", err, v)
			}
		})
	}
	wantReason(t, h.share(openShare(&frameportv1.ShareOpen{CameraId: "nobody"})).err(), codes.NotFound, apierr.CameraNotFound)
	closed := h.share()
	if err := closed.CloseSend(); err != nil {
		t.Fatal(err)
	}
	wantReason(t, closed.err(), codes.InvalidArgument, apierr.StartRequired)
	if n := cameras.camera("a").sharing.Load(); n != 0 {
		t.Errorf("the camera is asked for %d frames", n)
	}
}

// A caller who may not see a camera learns nothing of it, not even that others share it.
func TestShareIsAuthorized(t *testing.T) {
	path := authtest.File(t, tokenOf("role: view"))
	keys, err := auth.OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	s := newSharingWith(t, folderOf(t), config.MaxLease, func(c *Config) { c.Access = &auth.Gate{Keys: keys} }, "a")
	s.frame = frameportv1.NewFrameServiceClient(s.as("app"))
	var streams []*sharer
	for range 4 {
		streams = append(streams, s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 16})))
	}
	eventually(t, "all to be shared", func() bool { return s.cameras.camera("a").sharing.Load() == maxCameraLeases })
	authtest.Write(t, path, []byte(tokenOf("role: view, cameras: {ids: [b]}")))
	if changed, err := keys.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	wantReason(t, s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"})).err(), codes.NotFound, apierr.CameraNotFound)
	// Who may no longer see it is told that it is gone.
	wantReason(t, streams[0].err(), codes.NotFound, apierr.CameraRemoved)
}

func TestShareIsUnavailable(t *testing.T) {
	for name, tc := range map[string]struct {
		kind   frameportv1.RegionKind
		none   bool // the worker has no shared memory
		err    error
		placed bool // frames lie in a region all the same
		code   codes.Code
		reason apierr.Reason
		text   string
	}{
		"other kind":    {cudaIPC, false, nil, true, codes.FailedPrecondition, apierr.SharingUnavailable, "memory of kind SHARED_MEMORY; ask for that"},
		"no folder":     {sharedMemory, true, nil, false, codes.FailedPrecondition, apierr.SharingUnavailable, "no such folder; take frames from WatchFrames"},
		"no folder yet": {0, true, decoder.ErrUnsupported, false, codes.FailedPrecondition, apierr.SharingUnavailable, "no such folder; take frames from WatchFrames"},
		"unsupported": {
			0, false, fmt.Errorf("%w: no such codec", decoder.ErrUnsupported), false, codes.FailedPrecondition, apierr.SharingUnavailable,
			`camera "a" can't be shared: unsupported stream: no such codec; take frames from WatchFrames`,
		},
		"no room":    {0, false, fmt.Errorf("%w: 7 bytes", decoder.ErrExhausted), false, codes.ResourceExhausted, apierr.OutOfSharedMemory, "7 bytes; fewer streams and max_leases take less"},
		"a mishap":   {0, false, errBroken, false, codes.FailedPrecondition, apierr.SharingUnavailable, "no such luck; take frames from WatchFrames"},
		"lost often": {0, false, fmt.Errorf("%w: x", frame.ErrLost), false, codes.Aborted, apierr.SharedMemoryLost, "find out who"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSharing(t, folderOf(t), config.MaxLease, "a")
			a, slots := s.cameras.camera("a"), s.slots(8)
			if tc.none {
				s.server.cfg.SharedMemory.Folder, s.server.cfg.SharedMemory.Reason = nil, "no such folder"
			}
			if tc.err != nil {
				a.shareErr.Store(&tc.err)
			}
			r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", Kind: tc.kind}))
			if tc.placed {
				a.shared(slots)
			} else {
				a.publish(frame.Drops{})
			}
			err := r.err()
			wantReason(t, err, tc.code, tc.reason)
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Handles and files give write access: they are for this machine, unless somebody says
// otherwise.
func TestShareIsForThisMachine(t *testing.T) {
	far := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 1}})
	near := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.UnixAddr{Name: "@", Net: "unix"}})
	for _, kind := range []frameportv1.RegionKind{0, sharedMemory, cudaIPC} {
		m := newSharing(t, folderOf(t), config.MaxLease).server.cfg.SharedMemory
		err := m.shares(far, kind)
		wantReason(t, err, codes.FailedPrecondition, apierr.SharingUnavailable)
		if !strings.Contains(fmt.Sprint(err), "--shm-remote") || m.shares(near, kind) != nil {
			t.Errorf("%v: %v, near: %v", kind, err, m.shares(near, kind))
		}
		if m.Remote = true; m.shares(far, kind) != nil {
			t.Errorf("%v: %v", kind, m.shares(far, kind))
		}
	}
}

// While a camera can share but has no region yet, its frames are waited for.
func TestShareWaits(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	a, slots := s.cameras.camera("a"), s.slots(8)
	r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"}))
	for range 5 {
		a.publish(frame.Drops{Network: 1})
	}
	n := a.shared(slots)
	if l := r.lease(); l.GetSequence() != n || l.GetSkipped().GetSlowConsumer() != 0 || l.GetSkipped().GetNetwork() != 0 {
		t.Errorf("%v, want frame %d", l, n)
	}
}

func TestShareOfACameraThatGoes(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a", "b", "none")
	none := func(c *camera.Snapshot) { c.Spec.Decode.Mode = config.DecodeNone }
	s.cameras.change("none", none)
	wantReason(t, s.share(openShare(&frameportv1.ShareOpen{CameraId: "none"})).err(), codes.FailedPrecondition, apierr.DecodeDisabled)

	a, slots := s.cameras.camera("a"), s.slots(16)
	r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 3}))
	a.shared(slots)
	r.lease()
	s.cameras.change("a", none)
	wantReason(t, r.err(), codes.FailedPrecondition, apierr.DecodeDisabled)

	b := s.cameras.camera("b")
	r = s.share(openShare(&frameportv1.ShareOpen{CameraId: "b", MaxLeases: 3}))
	b.shared(slots)
	r.lease()
	if err := s.cameras.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	wantReason(t, r.err(), codes.NotFound, apierr.CameraRemoved)
	eventually(t, "all leases to end", func() bool { return slots.out() == 1 && a.sharing.Load() == 0 && b.sharing.Load() == 0 })
}

// A camera that is removed and added again is another one: it is asked to share, too.
func TestShareOfACameraThatIsReplaced(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	slots := s.slots(16)
	r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 5}))
	old := s.cameras.camera("a")
	eventually(t, "the camera to be asked", func() bool { return old.sharing.Load() == 5 })
	s.cameras.mu.Lock() // both at once
	delete(s.cameras.cameras, "a")
	s.cameras.mu.Unlock()
	a := s.cameras.add("a", specOf())
	old.ring.Close(camera.ErrRemoved)
	eventually(t, "the other one to be asked", func() bool { return old.sharing.Load() == 0 && a.sharing.Load() == 5 })
	a.shared(slots)
	r.lease()
	r.end()
	eventually(t, "nobody to be asked", func() bool { return a.sharing.Load() == 0 })
}

func TestShareEndsWithTheWorker(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	slots := s.slots(8)
	s.cameras.camera("a").shared(slots)
	r, idle := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"})), s.share()
	r.lease()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	wantReason(t, r.err(), codes.Unavailable, apierr.ShuttingDown)
	wantReason(t, idle.err(), codes.Unavailable, apierr.ShuttingDown)
	if n := s.cameras.account.Frames(); n != 1 { // the ring's
		t.Errorf("%d frames are held after the end", n)
	}
}

// A region whose file somebody removes or shortens is replaced by the decoder, and the
// stream goes on. When there is no other one, it says so.
func TestShareOfALostRegion(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"shortened": func(path string) error { return os.Truncate(path, 0) },
		"removed":   os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSharing(t, folderOf(t), config.MaxLease, "a")
			a, slots := s.cameras.camera("a"), s.slots(10)
			r := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 2}))
			a.shared(slots)
			l := r.lease()
			r.ack(l)
			if err := r.unmap(); err != nil {
				t.Fatal(err)
			}
			if err := harm(slots.region.Path); err != nil {
				t.Fatal(err)
			}
			slots.fail(fmt.Errorf("%w: %w", frame.ErrLost, slots.file.Err()))
			a.shared(slots)
			eventually(t, "the frame to be left out", func() bool { return slots.asked() == 2 })
			other := s.slots(10)
			a.shared(other)
			if l := r.lease(); l.GetSequence() != 3 || l.GetRegion() != other.region.Name || l.GetSkipped().GetSlowConsumer() != 1 {
				t.Errorf("%v", l)
			}
			for range mostLost + 1 {
				n := slots.asked()
				a.shared(slots)
				eventually(t, "the frame to be left out", func() bool { return slots.asked() > n })
			}
			err := r.err()
			wantReason(t, err, codes.Aborted, apierr.SharedMemoryLost)
			if !strings.Contains(err.Error(), slots.region.Path) {
				t.Error(err)
			}
		})
	}
}

func TestShareOfAFrameThatIsNeverReady(t *testing.T) {
	for _, tc := range []struct {
		err    error
		code   codes.Code
		reason apierr.Reason
	}{
		{errBroken, codes.Internal, apierr.RenderFailed},
		{fmt.Errorf("copy: %w", gpu.ErrDeviceLost), codes.Unavailable, apierr.ShuttingDown},
	} {
		s := newSharing(t, folderOf(t), config.MaxLease, "a")
		slots := s.slots(8)
		slots.fail(tc.err)
		s.cameras.camera("a").shared(slots)
		wantReason(t, s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"})).err(), tc.code, tc.reason)
	}
}

// A camera that has no room for one more reader keeps those that it has: they go on as
// before, and the last one is told what to do. Whether its frames are shared as long as
// nobody holds all slots makes no difference.
func TestShareWithoutRoomForMore(t *testing.T) {
	for name, placed := range map[string]bool{"slots are left": true, "all slots are held": false} {
		t.Run(name, func(t *testing.T) {
			s := newSharing(t, folderOf(t), config.MaxLease, "a")
			a, slots := s.cameras.camera("a"), s.slots(20)
			a.room.Store(4)
			first := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 2}))
			a.shared(slots)
			first.ack(first.lease())
			second := s.share(openShare(&frameportv1.ShareOpen{CameraId: "a", MaxLeases: 2}))
			second.ack(second.lease())
			// While another one is there that came later, they are not meant.
			later, err := s.server.holdLeases("a", 1)
			if err != nil {
				t.Fatal(err)
			}
			end := a.Share(1)
			for range 3 {
				a.shared(slots)
				first.ack(first.lease())
				second.ack(second.lease())
			}
			end()
			s.server.endHolder("a", later)
			if !placed {
				a.publish(frame.Drops{})
			}
			holders := func() int {
				s.server.leases.mu.Lock()
				defer s.server.leases.mu.Unlock()
				return len(s.server.leases.of["a"])
			}
			check := func() {
				if n := holders(); n != 3 {
					t.Errorf("%d streams are left, and what the last one wanted is still wanted", n)
				}
			}
			a.unshared.Store(&check)
			err = s.share(openShare(&frameportv1.ShareOpen{CameraId: "a"})).err()
			wantReason(t, err, codes.ResourceExhausted, apierr.OutOfSharedMemory)
			if !strings.Contains(err.Error(), "4 of 5 frames; fewer streams") {
				t.Error(err)
			}
			eventually(t, "the last one to want nothing", func() bool { return a.sharing.Load() == 4 && holders() == 2 })
			a.unshared.Store(nil)
			n := a.shared(slots)
			for _, r := range []*sharer{first, second} {
				l := r.lease()
				for l.GetSequence() < n {
					r.ack(l)
					l = r.lease()
				}
				if l.GetSequence() != n {
					t.Errorf("%v, want frame %d", l, n)
				}
			}
		})
	}
}
