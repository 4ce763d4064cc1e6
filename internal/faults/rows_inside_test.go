//go:build cgo && failpoint

package faults

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/config/statefile"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/internal/shm"
)

// inside are the scenarios of what goes wrong in the worker itself, at points that are in
// it with the build tag failpoint only.
func inside() map[int]func(*Scene) {
	return map[int]func(*Scene){69: row69, 75: row75, 76: row76, 77: row77, 78: row78, 79: row79, 80: row80, 81: row81}
}

// arm makes a fault happen to a camera until the scene disarms it, or ends.
func (s *Scene) arm(p failpoint.Point, target string, times int) *failpoint.Armed {
	a := failpoint.Arm(p, target, times)
	s.Cleanup(a.Disarm)
	return a
}

// hit waits until a point was hit as often.
func (s *Scene) hit(a *failpoint.Armed, times int) {
	s.Helper()
	s.Wait("the fault to happen", func() bool { return a.Hits() >= times })
}

// unmoved checks that the camera has the connection and the epoch that it had: what went
// wrong is none of the camera's.
func (v *Victim) unmoved(since camera.Snapshot) {
	v.s.Helper()
	now := v.Now()
	if now.Counters.ConnectAttempts != since.Counters.ConnectAttempts || now.Counters.Reconnects != since.Counters.Reconnects || now.Epoch != since.Epoch {
		v.s.Errorf("%s lost its connection for what is not its fault: %+v, before %+v", v.ID, now, since)
	}
}

// dial connects with the worker until the scene ends.
func (s *Scene) dial() *grpc.ClientConn {
	s.Helper()
	conn, err := grpc.NewClient(s.Worker.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	return conn
}

// fresh asks for a frame of the last few seconds, and checks the times in it.
func (s *Scene) fresh(id string) {
	s.Helper()
	conn := s.dial()
	defer conn.Close()
	r, err := frameportv1.NewFrameServiceClient(conn).GetFrame(context.Background(), &frameportv1.GetFrameRequest{
		CameraId: id, MaxAge: durationpb.New(2 * time.Second), Wait: durationpb.New(patience),
		Output: &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8},
	})
	if err != nil {
		s.Errorf("%s: %v", id, err)
		return
	}
	received, sent := r.GetFrame().GetReceivedTime().AsTime(), r.GetFrame().GetSentTime().AsTime()
	if age := sent.Sub(received); age < 0 || age > patience {
		s.Errorf("%s: a frame came at %v and went out at %v", id, received, sent)
	}
}

// Once, and again and again until it is over.
func row76(s *Scene) {
	v := s.Victim(small, camsim.Camera{})
	before := v.Runs()
	for _, times := range []int{1, 3} {
		failing := s.arm(failpoint.DecodeError, v.ID, times)
		s.hit(failing, times)
		v.Until("DEGRADED for its decoder", func(c camera.Snapshot) bool { return c.LastFault.Class == fault.Decode })
		v.Shows(5)
	}
	v.unmoved(before)
}

// The others on their way through the same worker are the fleet, and a second camera here.
func row77(s *Scene) {
	v, other := s.Victim(small, camsim.Camera{}), s.Victim(small, camsim.Camera{})
	first := v.Runs()
	before := other.Runs()
	hang := s.arm(failpoint.DecodeHang, v.ID, 1)
	s.hit(hang, 1)
	v.Until("word of the decoder that does not return", func(c camera.Snapshot) bool {
		return c.State != camera.StateRunning && c.LastFault.Class == fault.Decode
	})
	other.Shows(20)
	other.Steady(before)
	hang.Disarm()
	v.Shows(5)
	if now := v.Now(); now.Counters.DroppedQueue == 0 {
		s.Errorf("nothing was dropped while nothing was decoded: %+v", now.Counters)
	}
	v.unmoved(first)
}

func row78(s *Scene) {
	v := s.Victim(small, camsim.Camera{})
	before := v.Runs()
	s.hit(s.arm(failpoint.FrameMemory, v.ID, 2), 2)
	v.Until("DEGRADED for want of memory", func(c camera.Snapshot) bool { return c.LastFault.Class == fault.Decode })
	v.Shows(5)
	v.unmoved(before)

	folder, err := shm.Open(s.TempDir()+"/regions", 64<<20)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := folder.Close(); err != nil {
			s.Error(err)
		}
	})
	in := s.within(Options{Regions: folder}, fewNeighbours)
	shared := in.Victim(small, camsim.Camera{})
	first := shared.Runs()
	full := s.arm(failpoint.SharedMemory, "", 0)
	frames := frameportv1.NewFrameServiceClient(in.dial())
	lease := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		stream, err := frames.ShareFrames(ctx)
		if err != nil {
			return err
		}
		err = stream.Send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Open{Open: &frameportv1.ShareOpen{CameraId: shared.ID}}})
		for err == nil || errors.Is(err, io.EOF) {
			var m *frameportv1.ShareFramesResponse
			if m, err = stream.Recv(); err == nil && m.GetLease() != nil {
				return nil
			}
		}
		return err
	}
	if err := lease(); status.Code(err) != codes.ResourceExhausted {
		s.Errorf("a client that wants shared frames when there is no room: %v", err)
	}
	if full.Hits() == 0 {
		s.Error("no region was refused")
	}
	shared.Shows(5)
	full.Disarm()
	in.Wait("shared frames when there is room again", func() bool { return lease() == nil })
	shared.Shows(5)
	shared.unmoved(first)
	for _, n := range in.fleet.cameras {
		in.intact(n)
	}
}

// What is shown has to show its bar code (I2) also behind the gap.
func row79(s *Scene) {
	v := s.Victim("h264_change_a", camsim.Camera{FPS: 25})
	before := v.Runs()
	full := s.arm(failpoint.QueueFull, v.ID, 0)
	s.hit(full, 20)
	v.Until("DEGRADED for its queue", func(c camera.Snapshot) bool {
		return c.State == camera.StateDegraded && c.Fault.Class == fault.Decode && c.Counters.DroppedQueue > 10
	})
	full.Disarm()
	v.Shows(30)
	if n := v.Damaged(); n != 0 {
		s.Errorf("%d damaged frames", n)
	}
	v.unmoved(before)
}

// The stream that does not get rid of its messages is cut, not the others.
func row80(s *Scene) {
	s = s.within(Options{}, fewNeighbours)
	v := s.Victim(small, camsim.Camera{})
	before := v.Runs()
	frames := frameportv1.NewFrameServiceClient(s.dial())
	blocked := s.arm(failpoint.SendBlocks, frameportv1.FrameService_StreamFrames_FullMethodName, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	open := func() grpc.ServerStreamingClient[frameportv1.StreamFramesResponse] {
		stream, err := frames.StreamFrames(ctx, &frameportv1.StreamFramesRequest{
			CameraIds: []string{v.ID}, Output: &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8},
		})
		if err != nil {
			s.Fatal(err)
		}
		return stream
	}
	cut := open()
	s.hit(blocked, 1)
	other := open()
	ended := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := cut.Recv()
		ended <- err
	})
	served := 0
	for over := false; !over; {
		if _, err := other.Recv(); err != nil {
			s.Fatalf("another client: %v", err)
		}
		served++
		select {
		case err := <-ended:
			if status.Code(err) != codes.ResourceExhausted {
				s.Errorf("the stream that blocks ended with %v", err)
			}
			over = true
		default:
		}
	}
	wg.Wait()
	if n := s.Worker.SlowConsumers.Load(); n != 1 || served < 2 {
		s.Errorf("%d streams were cut, another one got %d frames", n, served)
	}
	v.Shows(5)
	v.Steady(before)
	for _, n := range s.fleet.cameras {
		s.intact(n)
	}
}

// Adding, changing and removing, while nothing can be written; then with room again.
func row81(s *Scene) {
	dir := s.TempDir()
	file, _, err := statefile.Open(dir, nil)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = file.Close() })
	in := s.within(Options{Store: file}, fewNeighbours)
	v := in.Victim(small, camsim.Camera{})
	before := v.Runs()
	spec := config.Camera{URL: v.Sim.URL(), Transport: config.TransportTCP}
	ctx := context.Background()
	change := func(name string) []error {
		_, added := in.Worker.Manager.Add(ctx, "new"+name, spec)
		_, updated := in.Worker.Manager.Update(ctx, v.ID, func(c config.Camera) (config.Camera, error) {
			c.Labels = map[string]string{"name": name}
			return c, nil
		})
		return []error{added, updated}
	}
	full := s.arm(failpoint.DiskFull, "", 0)
	for i, err := range append(change("a"), in.Worker.Manager.Remove(ctx, in.fleet.cameras[0].ID)) {
		if !errors.Is(err, camera.ErrNotSaved) {
			s.Errorf("change %d on a full disk: %v", i, err)
		}
	}
	if full.Hits() != 3 {
		s.Errorf("%d writes failed, of 3", full.Hits())
	}
	v.Shows(5)
	full.Disarm()
	if err := errors.Join(change("b")...); err != nil {
		s.Errorf("with room again: %v", err)
	}
	v.Shows(5)
	v.unmoved(before)
	for _, n := range in.fleet.cameras {
		in.intact(n)
	}
	if err := in.Worker.Manager.Remove(ctx, "newb"); err != nil {
		s.Error(err)
	}
	in.kept(file.Path(), len(in.fleet.cameras)+1, v.ID)
}

// kept reads a copy of the state file, as the next start does.
func (s *Scene) kept(path string, cameras int, changed string) {
	s.Helper()
	dir := s.TempDir()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, filepath.Base(path)), data, 0o600)
	}
	if err != nil {
		s.Fatal(err)
	}
	again, records, err := statefile.Open(dir, nil)
	if err != nil {
		s.Fatal(err)
	}
	defer again.Close()
	found := false
	for _, r := range records {
		found = found || r.ID == changed && r.Spec.Labels["name"] == "b"
	}
	if len(records) != cameras || !found {
		s.Errorf("%d cameras are kept, of %d; the change is among them: %v", len(records), cameras, found)
	}
}
