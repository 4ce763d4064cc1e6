//go:build cgo

package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// A GPU that is too slow for its cameras: the gate is full, and whole GOPs are dropped and
// counted, never single units: what is decoded is whole, and begins again with a key
// frame. All cameras get their share.
func TestGPUFullGate(t *testing.T) {
	t.Parallel()
	const (
		cameras = 4
		enough  = 130 // frames to look at: a queue holds half as many units
	)
	site := NewSite(t, camsim.Config{})
	// One engine, four calls at a time, a tenth of a second each: 40 pictures a second,
	// and the cameras send 100.
	w, _ := startGPU(t, []string{"ENGINES=1", "BLOCK=cuvidMapVideoFrame64:0:100"})
	var ids []string
	for i := range cameras {
		id := fmt.Sprintf("cam-%d", i)
		ids = append(ids, id)
		w.add(id, over(site.Camera(id, "h264_change_a", camsim.Camera{}).URL()))
	}
	// What one of them shows, in the order in which it comes.
	next := w.followAs(ids[0], &frameportv1.OutputSpec{Width: 160, Height: 90})
	var reading sync.WaitGroup
	reading.Go(func() {
		const picture = 40 * time.Millisecond
		last := next()
		for frames, gaps := 0, 0; (gaps < 2 || frames < enough) && !t.Failed(); frames++ {
			f := next()
			missed := f.GetSkipped().GetSlowConsumer() // by this reader, of decoded ones
			if f.GetCorrupt() {
				t.Errorf("frame %d/%d is corrupt", f.GetEpoch(), f.GetSequence())
			}
			if gap := f.GetPts().AsDuration() - last.GetPts().AsDuration(); gap > picture*3/2 && missed == 0 {
				gaps++
				if !f.GetKeyFrame() || gap < 2*picture {
					t.Errorf("frame %d/%d comes after a gap of %v, key frame: %v", f.GetEpoch(), f.GetSequence(), gap, f.GetKeyFrame())
				}
			}
			last = f
		}
	})
	least, most := ^uint64(0), uint64(0)
	for _, id := range ids {
		s := w.wait(id, "behind", func(s *frameportv1.CameraStatus) bool {
			return s.GetCounters().GetDropped().GetQueue() > 50 && s.GetCounters().GetFramesPublished() > 0
		}).GetStatus()
		if d := s.GetCounters().GetDropped(); d.GetDecode() != 0 || s.GetEpoch() != 1 || s.GetLastFault().GetClass() != frameportv1.FaultClass_FAULT_CLASS_DECODE {
			t.Errorf("%s: %v", id, s)
		}
	}
	reading.Wait()
	for _, id := range ids {
		n := w.camera(id).GetStatus().GetCounters().GetFramesPublished()
		least, most = min(least, n), max(most, n)
	}
	if least*2 < most {
		t.Errorf("one camera had %d pictures and another %d", least, most)
	}
}

// Readers that hold every frame of a camera: its pictures are dropped and counted, it goes
// on, and another camera notices nothing.
func TestGPUHeldFrames(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, []string{"BLOCK=cuLaunchKernel:0:300"})
	for _, id := range []string{"held", "other"} {
		w.add(id, over(site.Camera(id, "h264_change_a", camsim.Camera{}).URL(), ring(1)))
		w.running(id)
	}
	// Each reader wants another size, so that none shares a picture with another.
	for i := range 6 {
		w.read("held", &frameportv1.OutputSpec{Width: 160 + 16*int32(i)})
	}
	s := w.wait("held", "without room", func(s *frameportv1.CameraStatus) bool {
		return s.GetCounters().GetDropped().GetDecode() > 50
	}).GetStatus()
	c := s.GetCounters()
	busy := func(c *frameportv1.CameraCounters) bool { return c.GetDropped().GetQueue() > 0 } // this machine
	if s.GetEpoch() != 1 || (s.GetState() != frameportv1.CameraState_CAMERA_STATE_RUNNING || s.GetLastFault() != nil) && !busy(c) {
		t.Errorf("%v", s)
	}
	if lost := c.GetFramesDecoded() - c.GetFramesPublished(); lost < c.GetDropped().GetDecode() || lost > c.GetDropped().GetDecode()+32 {
		t.Errorf("%d of %d pictures were not published, %d are counted", lost, c.GetFramesDecoded(), c.GetDropped().GetDecode())
	}
	o := w.camera("other").GetStatus()
	if o.GetCounters().GetDropped().GetDecode() != 0 || o.GetLastFault() != nil && !busy(o.GetCounters()) {
		t.Errorf("the other camera: %v", o)
	}
}
