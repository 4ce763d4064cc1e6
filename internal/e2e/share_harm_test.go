//go:build cgo

package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// sharing opens a stream of shared frames, whose memory the test does not map.
func (w *worker) sharing(open *frameportv1.ShareOpen) frameportv1.FrameService_ShareFramesClient {
	w.t.Helper()
	stream, err := w.frames.ShareFrames(w.t.Context())
	if err == nil {
		err = stream.Send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Open{Open: open}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return stream
}

// A file that somebody shortens or removes costs its readers a few frames: the decoder
// makes another one.
func TestSharedFramesAreHarmed(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	w := start(t, nil)
	const id = "h264_change_a"
	w.add(id, over(site.Camera(id, id, camsim.Camera{}).URL()))
	w.running(id)
	stream := w.sharing(&frameportv1.ShareOpen{CameraId: id, MaxLeases: 2})
	var last *frameportv1.FrameLease
	lease := func() (other *frameportv1.SharedRegion) {
		t.Helper()
		for {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			l := m.GetLease()
			if l == nil {
				other = m.GetRegion()
				continue
			}
			if last != nil && last.GetEpoch() == l.GetEpoch() && last.GetSequence() >= l.GetSequence() {
				t.Errorf("%v after %v", l, last)
			}
			last = l
			if err := stream.Send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Ack{Ack: &frameportv1.LeaseAck{LeaseId: l.GetLeaseId()}}}); err != nil {
				t.Fatal(err)
			}
			return other
		}
	}
	region := lease()
	for _, harm := range []func(string) error{os.Remove, func(path string) error { return os.Truncate(path, 0) }} {
		for n := int32(0); n < region.GetSlotCount(); n++ { // it has been of use: the next one comes at once
			if other := lease(); other != nil {
				region, n = other, 0
			}
		}
		if err := harm(region.GetKey()); err != nil {
			t.Fatal(err)
		}
		other := lease()
		for other == nil {
			other = lease()
		}
		if other.GetKey() == region.GetKey() {
			t.Errorf("again %v", region)
		}
		region = other
	}
	// A camera whose frames are held can be removed.
	held, err := w.sharing(&frameportv1.ShareOpen{CameraId: id, LeaseDuration: durationpb.New(time.Minute)}), error(nil)
	for m := (*frameportv1.ShareFramesResponse)(nil); err == nil && m.GetLease() == nil; {
		m, err = held.Recv()
	}
	if err == nil {
		_, err = w.cameras.RemoveCamera(t.Context(), &frameportv1.RemoveCameraRequest{CameraId: id})
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = held.Recv()
	if reason, _ := apierr.ReasonOf(err); reason != apierr.CameraRemoved {
		t.Error(err)
	}
	w.stop()
}

func TestSharedFramesAreRefused(t *testing.T) {
	site := NewSite(t, camsim.Config{})
	const id = "h264_720p"
	url := site.Camera(id, id, camsim.Camera{}).URL()
	for name, tc := range map[string]struct {
		option string
		code   codes.Code
		reason apierr.Reason
		text   string
	}{
		"no room":   {"--shm-limit=1MiB", codes.ResourceExhausted, apierr.OutOfSharedMemory, "raise --shm-limit"},
		"no folder": {"--shm-dir=off", codes.FailedPrecondition, apierr.SharingUnavailable, "take frames from WatchFrames"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, nil, tc.option)
			w.add(id, over(url))
			w.running(id)
			_, err := w.sharing(&frameportv1.ShareOpen{CameraId: id}).Recv()
			if reason, _ := apierr.ReasonOf(err); reason != tc.reason || status.Code(err) != tc.code || !strings.Contains(err.Error(), tc.text) {
				t.Error(err)
			}
			w.follow(id)() // it goes on all the same
			w.stop()
		})
	}
}
