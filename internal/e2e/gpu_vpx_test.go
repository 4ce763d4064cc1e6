//go:build cgo

package e2e

import (
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// Cameras in VP8 and VP9 on the GPU: hidden frames, odd sizes and 10 bits, every picture
// in its turn. What the engines don't make, the CPU takes over.
func TestGPUVPX(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, nil)
	for _, tc := range []struct {
		clip  string
		codec frameportv1.Codec
		text  string // of the reason why not
	}{
		{"vp8_360p", frameportv1.Codec_CODEC_VP8, ""},
		{"vp8_odd", frameportv1.Codec_CODEC_VP8, ""},
		{"vp9_360p", frameportv1.Codec_CODEC_VP9, ""},
		{"vp9_hidden", frameportv1.Codec_CODEC_VP9, ""},
		{"vp9_10bit", frameportv1.Codec_CODEC_VP9, ""},
		{"vp9_444", frameportv1.Codec_CODEC_VP9, "4:2:0 only"},
	} {
		h := site.Camera(tc.clip, tc.clip, camsim.Camera{})
		w.add(tc.clip, over(h.URL()))
		s := w.running(tc.clip).GetStatus()
		want := onCUDA
		if tc.text != "" {
			want = onCPU
			contains(t, s.GetBackendReason(), tc.text)
		}
		if s.GetBackend() != want || s.GetCodec() != tc.codec || want == onCUDA && s.GetBackendReason() != "" {
			t.Errorf("%s: %v", tc.clip, s)
		}
		clip := site.Clip(tc.clip)
		next := w.followAs(tc.clip, &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8})
		last := next()
		_, picture, err := ReadPicture(last)
		for range 2 * clip.Frames {
			f := next()
			camera, number, e := ReadPicture(f)
			if err != nil || e != nil || camera != clip.Camera || int(f.GetWidth()) != clip.Width || int(f.GetHeight()) != clip.Height || f.GetCorrupt() {
				t.Fatalf("%s: picture of camera %d, %dx%d, corrupt %v: %v, %v", tc.clip, camera, f.GetWidth(), f.GetHeight(), f.GetCorrupt(), err, e)
			}
			if rise := int(f.GetSequence() - last.GetSequence()); (picture+rise)%clip.Frames != number || f.GetEpoch() != last.GetEpoch() {
				t.Fatalf("%s: picture %d follows %d, the sequence number rose by %d", tc.clip, number, picture, rise)
			}
			last, picture = f, number
		}
	}
}

// A camera that changes the size of its picture at a key frame begins an epoch, without a
// new connection, on both backends.
func TestVPXSizeChange(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, nil)
	for kind, on := range map[string]frameportv1.BackendKind{"cuda": onCUDA, "cpu": onCPU} {
		for _, clips := range [][2]string{{"vp8_360p", "vp8_odd"}, {"vp9_odd", "vp9_360p"}} {
			id := kind + "-" + clips[0]
			h := site.Camera(id, clips[0], camsim.Camera{})
			w.add(id, over(h.URL(), backend(on)))
			first := w.after(id, nil, nil)
			other := site.Clip(clips[1])
			second := w.epoch(id, first, func() { h.Set(func(b *camsim.Behaviour) { b.Clip = other }) })
			camera, _, err := ReadPicture(second)
			if err != nil || camera != other.Camera || int(second.GetWidth()) != other.Width || int(second.GetHeight()) != other.Height || h.Stats().Plays != 1 {
				t.Errorf("%s: camera %d, %dx%d, %d connections: %v", id, camera, second.GetWidth(), second.GetHeight(), h.Stats().Plays, err)
			}
		}
	}
}

// A key frame that says it is 16383 pixels wide is refused by its header.
func TestVPXHugePicture(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, nil)
	for _, clip := range []string{"vp8_360p", "vp9_360p"} {
		h := site.Camera(clip, clip, camsim.Camera{Behaviour: camsim.Behaviour{HugePicture: true}})
		for kind, on := range map[string]frameportv1.BackendKind{"cuda": onCUDA, "cpu": onCPU} {
			id := kind + "-" + clip
			w.add(id, over(h.URL(), backend(on)))
			s := w.faulty(id, frameportv1.FaultClass_FAULT_CLASS_LIMIT).GetStatus()
			contains(t, s.GetFault().GetMessage(), "16383 x 16383")
		}
	}
}
