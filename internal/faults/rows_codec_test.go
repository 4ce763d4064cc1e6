//go:build cgo

package faults

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
)

// Another size, and back, many times.
func row54(s *Scene) {
	v := s.Add(s.Sim(nil, "h264_change_a", camsim.Camera{}), nil, "h264_change_a", "h264_change_b")
	first := v.Runs()
	a, b := s.Clip("h264_change_a"), s.Clip("h264_change_b")
	for i := range 6 {
		clip := a
		if i%2 == 0 {
			clip = b
		}
		v.Sim.Set(func(bh *camsim.Behaviour) { bh.Clip = clip })
		v.Until("the other size", func(c camera.Snapshot) bool { return c.Width == clip.Width })
		v.Shows(3)
	}
	sizes := map[uint64]int{}
	for _, f := range v.Recent() {
		clip := a
		if f.Camera == b.Camera {
			clip = b
		}
		if f.Width != clip.Width || f.Height != clip.Height {
			s.Errorf("a picture of %dx%d has size %dx%d", clip.Width, clip.Height, f.Width, f.Height)
		}
		if w := sizes[f.Epoch]; w != 0 && w != f.Width {
			s.Errorf("two sizes in epoch %d", f.Epoch)
		}
		sizes[f.Epoch] = f.Width
	}
	if len(sizes) < 7 {
		s.Errorf("%d epochs for six changes", len(sizes))
	}
	v.Steady(first)
}

// H.264, H.265, JPEG and VP8 at one address.
func row55(s *Scene) {
	clips := []string{small, "h265_bframes", "mjpeg_422", "vp8_odd", small}
	v := s.Add(s.Sim(nil, small, camsim.Camera{}), nil, clips...)
	before := v.Runs()
	for _, name := range clips[1:] {
		clip := s.Clip(name)
		v.Sim.Set(func(b *camsim.Behaviour) { b.Clip = clip })
		v.Sim.Drop(camsim.DropFIN)
		before = v.Back(before)
		if before.Codec != clip.Codec {
			s.Errorf("codec %v, want %v", before.Codec, clip.Codec)
		}
	}
}

// That pictures come in display order is what the bar codes say.
func row56(s *Scene) {
	for _, clip := range []string{"h264_bframes", "h265_bframes"} {
		v := s.Victim(clip, camsim.Camera{})
		first := v.Runs()
		v.Shows(40)
		v.Steady(first)
		if v.Now().Counters.Dropped.Network != 0 {
			s.Errorf("%s: %+v", clip, v.Now().Counters)
		}
		recent := v.Recent()
		for i := 1; i < len(recent); i++ {
			if a, b := recent[i-1], recent[i]; a.Dropped == b.Dropped && b.Sequence == a.Sequence+1 && b.Picture != a.Picture+1 && b.Picture > a.Picture {
				s.Errorf("%s: picture %d follows picture %d", clip, b.Picture, a.Picture)
			}
		}
	}
}

// The second viewer comes when the key frame has just gone; the next one is more than
// twenty seconds away.
func row57(s *Scene) {
	h := s.Sim(nil, "h264_change_a", camsim.Camera{FPS: 1})
	s.Add(h, nil, "h264_change_a").Shows(2)
	late := s.Add(h, nil, "h264_change_a")
	late.Shows(1)
	now := late.Until("RUNNING", func(c camera.Snapshot) bool { return c.State == camera.StateRunning || c.State == camera.StateDegraded })
	if now.Counters.ConnectAttempts != 1 {
		s.Errorf("%d attempts: the wait for a key frame was cut short", now.Counters.ConnectAttempts)
	}
}

// A stream without any key frame, its sets in the description.
func row58(s *Scene) {
	v := s.Victim("h264_intra_refresh", packets(func(of camsim.Picture, list []camsim.Packet) []camsim.Packet {
		if of.Key {
			return nil
		}
		return list
	}))
	v.Shows(10)
	if now := v.Now(); now.Counters.ConnectAttempts != 1 {
		s.Errorf("%d attempts", now.Counters.ConnectAttempts)
	}
}

// Pictures that the camera itself left out, and flipped bits. What is not flagged has to
// show its bar code; flips that the decoder can't see are not asked about.
func row59(s *Scene) {
	dropped := s.Victim("h264_change_a", camsim.Camera{FPS: 25})
	dropped.Runs()
	dropped.Sim.Set(func(b *camsim.Behaviour) {
		b.Packets = func(of camsim.Picture, list []camsim.Packet) []camsim.Packet {
			if of.Since%7 == 3 && !of.Key {
				return nil
			}
			return list
		}
	})
	dropped.Until("damage", func(c camera.Snapshot) bool {
		return dropped.Damaged() > 0 || c.Counters.Dropped.Decode > 0 || c.Counters.Dropped.Network > 0
	})
	dropped.Sim.Set(func(b *camsim.Behaviour) { b.Packets = nil })
	dropped.Shows(30)

	dice := rand.New(rand.NewPCG(s.Seed, 59))
	flipped := s.Add(s.Sim(nil, "h264_change_a", camsim.Camera{FPS: 25}), nil)
	flipped.Runs()
	flipped.Sim.Set(func(b *camsim.Behaviour) {
		b.Packets = func(of camsim.Picture, list []camsim.Packet) []camsim.Packet {
			for i := range list {
				if n := len(list[i].Payload); n > 40 && dice.IntN(3) == 0 {
					list[i].Payload = slices.Clone(list[i].Payload)
					for range 8 {
						list[i].Payload[20+dice.IntN(n-20)] ^= byte(1 + dice.IntN(255))
					}
				}
			}
			return list
		}
	})
	flipped.Until("damage", func(c camera.Snapshot) bool { return flipped.Damaged() > 0 || c.Counters.Dropped.Decode > 0 })
	flipped.Sim.Set(func(b *camsim.Behaviour) { b.Packets = nil })
	flipped.Sim.Drop(camsim.DropRST)
	flipped.Back(flipped.Now())
	flipped.Shows(10)
	recent := flipped.Recent()
	for _, f := range recent[len(recent)-5:] {
		if f.Corrupt || f.Unread != nil || f.Camera != s.Clip("h264_change_a").Camera {
			s.Errorf("after the damage: frame %v, corrupt %v, camera %d: %v", f.ID, f.Corrupt, f.Camera, f.Unread)
		}
	}
}

// Units of vendors in front of every picture, and packets of a payload type of their own.
func row60(s *Scene) {
	extra := map[string][][]byte{
		"h264_change_a": {{9, 0xf0}, {6, 240, 4, 1, 2, 3, 4, 0x80}, {6, 5, 17}, {30, 1, 2, 3}, {31, 9}, {0x6c, 0xff, 0xff}, {13, 1}},
		"h265_bframes":  {{35 << 1, 1, 0x50}, {39 << 1, 1, 240, 2, 1, 2, 0x80}, {41 << 1, 1, 7}, {60 << 1, 1, 1, 2, 3}, {63 << 1, 1}},
	}
	for clip, nals := range extra {
		v := s.Victim(clip, packets(func(_ camsim.Picture, list []camsim.Packet) []camsim.Packet {
			var out []camsim.Packet
			for _, nal := range nals {
				p := list[0]
				p.Payload, p.Marker = nal, false
				out = append(out, p)
			}
			return append(out, list...)
		}))
		lines := 0
		plays(s, v, 20)
		lines = len(s.Worker.Log.Of(v.ID))
		plays(s, v, 40)
		if more := len(s.Worker.Log.Of(v.ID)) - lines; more > 2 {
			s.Errorf("%s: %d lines in the log about units of no interest", clip, more)
		}
	}
	other := s.Victim(small, packets(func(of camsim.Picture, list []camsim.Packet) []camsim.Packet {
		return append(list, camsim.Packet{Raw: []byte{0x80, 50, 0, byte(of.Index), 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3}})
	}))
	first := other.Runs()
	other.Shows(20)
	other.Steady(first)
}

// The end of the SPS is cut off or scribbled over, in the description and in the
// stream; the decoder reads enough of it.
func row61(s *Scene) {
	clip := s.Clip("h264_change_a")
	for _, spoil := range []func(sps []byte) []byte{
		func(sps []byte) []byte { return sps[:len(sps)-2] },
		func(sps []byte) []byte { return append(sps[:len(sps)-3], 0xff, 0xff, 0xff) },
	} {
		spoilt := spoil(slices.Clone(clip.SPS))
		c := packets(func(_ camsim.Picture, list []camsim.Packet) []camsim.Packet {
			if list[0].Payload[0]&0x1f != 24 {
				return list
			}
			sps, pps := list[0], list[0]
			sps.Payload, pps.Payload = spoilt, clip.PPS
			return slices.Concat([]camsim.Packet{sps, pps}, list[1:])
		})
		c.Behaviour.SDP = camsim.SDPInvalidParameters
		v := s.Victim("h264_change_a", c)
		v.Runs()
		if f := v.Recent(); f[0].Width != clip.Width || f[0].Height != clip.Height {
			s.Errorf("%dx%d", f[0].Width, f[0].Height)
		}
	}
}

// What is delivered has the size that is to be seen.
func row63(s *Scene) {
	for _, name := range []string{"h264_crop", "h264_444_odd", "vp8_odd", "vp9_odd"} {
		clip := s.Clip(name)
		v := s.Victim(name, camsim.Camera{})
		now := v.Runs()
		if f := v.Recent(); f[0].Width != clip.Width || f[0].Height != clip.Height || now.Width != clip.Width {
			s.Errorf("%s: %dx%d, want %dx%d", name, f[0].Width, f[0].Height, clip.Width, clip.Height)
		}
	}
}

// One frame for each picture, not for each field.
func row64(s *Scene) {
	v := s.Victim("h264_interlaced", camsim.Camera{})
	plays(s, v, 30)
	clip := s.Clip("h264_interlaced")
	for _, f := range v.Recent() {
		if f.Width != clip.Width || f.Height != clip.Height {
			s.Errorf("%dx%d", f.Width, f.Height)
		}
	}
}

// Restart markers, 4:2:2, and a size that the payload format can't say.
func row65(s *Scene) {
	for _, name := range []string{"mjpeg_restart", "mjpeg_422", "mjpeg_1440p"} {
		v := s.Victim(name, camsim.Camera{FPS: 4})
		plays(s, v, 6)
		if f := v.Recent(); f[0].Width != s.Clip(name).Width {
			s.Errorf("%s: width %d", name, f[0].Width)
		}
	}
}

// Codecs that are named and refused.
func row66(s *Scene) {
	for _, name := range []string{"MP4V-ES", "H263-1998", "AV1", "H266"} {
		v := s.Add(s.Sim(nil, small, describe(func(t string) string { return strings.Replace(t, "H264", name, 1) })), nil)
		snap := v.Fails(camera.StateFailed, fault.Unsupported)
		if !strings.Contains(strings.ToUpper(snap.Fault.Message), name) || time.Until(snap.Fault.NextAttempt) < 30*time.Second {
			s.Errorf("%s: %q, next attempt in %v", name, snap.Fault.Message, time.Until(snap.Fault.NextAttempt))
		}
	}
}

// A picture a second, announced as 25, and a rate that changes.
func row67(s *Scene) {
	slow := describe(func(t string) string { return replace(s, t, "a=framerate:1", "a=framerate:25") })
	slow.FPS = 1
	v := s.Victim(small, slow)
	silent := describe(func(t string) string { return replace(s, t, "a=framerate:0.5\r\n", "") })
	silent.FPS = 0.5
	slower := s.Victim(small, silent)
	bursts := s.Victim(small, packets(func(of camsim.Picture, list []camsim.Packet) []camsim.Packet {
		if of.Since/20%2 == 1 && of.Since%20 != 0 { // two seconds of 10, two without
			return nil
		}
		return list
	}))
	for _, v := range []*Victim{v, slower, bursts} {
		first := v.Runs()
		v.Shows(8)
		v.Steady(first)
		if v.Entered(camera.StateStalled)+v.Entered(camera.StateDegraded) > 0 {
			s.Errorf("%s: %+v", v.ID, v.Now().LastFault)
		}
	}
}

// One picture over and over: the camera runs, and how long it shows nothing new is told.
func row68(s *Scene) {
	v := s.Victim("h264_change_a", camsim.Camera{})
	first := v.Runs()
	unchanged := func(c camera.Snapshot) time.Duration { return c.LastFrame.Sub(c.UnchangedSince) }
	if first.UnchangedSince.IsZero() || unchanged(first) > time.Second {
		s.Errorf("unchanged for %v while it moves", unchanged(first))
	}
	card := *s.Clip("h264_change_a")
	card.Units, card.Frames = card.Units[:1], 1
	v.Sim.Set(func(b *camsim.Behaviour) { b.Clip = &card })
	published := v.Now().Counters.FramesPublished
	still := v.Until("the same picture for five seconds", func(c camera.Snapshot) bool { return unchanged(c) > 5*time.Second })
	if still.State != camera.StateRunning || still.Counters.FramesPublished < published+10 {
		s.Errorf("%v, %d frames", still.State, still.Counters.FramesPublished-published)
	}
	v.Sim.Set(func(b *camsim.Behaviour) { b.Clip = nil })
	v.Until("another picture", func(c camera.Snapshot) bool { return unchanged(c) < time.Second })
	v.Steady(first)
}
