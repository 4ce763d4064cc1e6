package testvideo

import (
	"bytes"
	"os/exec"
	"testing"
)

// A second opinion on every clip: what the ffmpeg program decodes must show the
// pictures in display order.
func TestClipsDecodedByFFmpeg(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("the ffmpeg program is not installed; install it to check the clips with a second decoder")
	}
	for _, name := range Names() {
		c, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Barcode {
			continue
		}
		cmd := exec.Command("ffmpeg", "-v", "error", "-i", "clips/"+c.File, "-fps_mode", "passthrough",
			"-vf", "format=gray,crop=iw:32:0:0", "-f", "rawvideo", "-")
		var text bytes.Buffer
		cmd.Stderr = &text
		raw, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, text.String())
		}
		if len(raw) != c.Width*32*c.Frames {
			t.Fatalf("%s: %d bytes decoded, want %d pictures", name, len(raw), c.Frames)
		}
		for i := range c.Frames {
			camera, frame, err := ReadBarcodeLuma(raw[i*c.Width*32:], c.Width, 32, c.Width)
			if err != nil || camera != c.Camera || frame != i {
				t.Errorf("%s: picture %d: camera %d frame %d (%v)", name, i, camera, frame, err)
			}
		}
	}
}
