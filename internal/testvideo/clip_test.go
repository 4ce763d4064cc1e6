package testvideo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image/jpeg"
	"slices"
	"testing"

	"github.com/frameport/frameport/media"
)

// Limits on what is committed.
const (
	maxFile  = 900 << 10
	maxTotal = 3 << 20
)

func TestEveryClip(t *testing.T) {
	names := Names()
	if len(names) < 20 {
		t.Fatalf("only %d clips", len(names))
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			c, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(c.Samples)
			if got := hex.EncodeToString(sum[:]); got != c.SHA256 {
				t.Errorf("SHA-256 is %s, the manifest says %s", got, c.SHA256)
			}
			if c.Camera != i+1 || c.FPS <= 0 || c.Width <= 0 || c.Height <= 0 {
				t.Errorf("camera %d, %dx%d, %v fps", c.Camera, c.Width, c.Height, c.FPS)
			}
			if c.Color.Matrix == media.MatrixUnspecified || c.Color.Range == media.RangeUnspecified {
				t.Errorf("colour not known: %v", c.Color)
			}
			checkUnits(t, c)
		})
	}
}

func checkUnits(t *testing.T, c *Clip) {
	t.Helper()
	if !c.Units[0].Key {
		t.Error("does not begin with a key picture")
	}
	var whole int
	var shown []int
	for i, u := range c.Units {
		whole += len(u.Data)
		if isVPX(c) {
			whole += ivfFrame
		}
		shown = append(shown, u.Frame)
		if c.Codec != media.CodecMJPEG && !isVPX(c) && len(u.NALUs) == 0 {
			t.Errorf("unit %d has no NAL units", i)
		}
	}
	if isVPX(c) {
		whole += ivfHeader
	}
	if whole != len(c.Samples) {
		t.Errorf("units hold %d bytes, the file %d", whole, len(c.Samples))
	}
	slices.Sort(shown)
	for i, n := range shown {
		if n != i {
			t.Fatalf("display numbers are not 0..%d: %v", len(shown)-1, shown)
		}
	}
	switch c.Codec {
	case media.CodecH265:
		if len(c.VPS) == 0 {
			t.Error("no VPS")
		}
		fallthrough
	case media.CodecH264:
		if len(c.SPS) == 0 || len(c.PPS) == 0 {
			t.Error("no SPS or PPS")
		}
	}
}

func isVPX(c *Clip) bool { return c.Codec == media.CodecVP8 || c.Codec == media.CodecVP9 }

func TestTraits(t *testing.T) {
	get := func(name string) *Clip {
		c, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, keys := range map[string]int{"h264_720p": 2, "h264_1080p": 2, "h265_720p": 3, "h264_intra_refresh": 1, "h265_bframes": 2, "vp8_360p": 3, "vp9_360p": 3, "vp9_hidden": 2, "vp9_10bit": 1} {
		n := 0
		for _, u := range get(name).Units {
			if u.Key {
				n++
			}
		}
		if n != keys {
			t.Errorf("%s: %d key pictures, want %d", name, n, keys)
		}
	}
	for _, name := range []string{"h264_bframes", "h265_bframes"} {
		c := get(name)
		if slices.IsSortedFunc(c.Units, func(a, b Unit) int { return a.Frame - b.Frame }) {
			t.Errorf("%s: display order is coding order", name)
		}
	}
	recovery := 0
	for _, u := range get("h264_intra_refresh").Units {
		if u.Recovery && !u.Key {
			recovery++
		}
	}
	if recovery < 2 {
		t.Errorf("h264_intra_refresh: %d recovery points", recovery)
	}
	for i, u := range get("h264_slices").Units {
		if len(u.NALUs) < 52 {
			t.Errorf("h264_slices: %d NAL units in unit %d", len(u.NALUs), i)
		}
	}
	superframes := 0
	for _, u := range get("vp9_hidden").Units {
		if last := u.Data[len(u.Data)-1]; last>>5 == 6 && last&7 == 1 {
			superframes++
		}
	}
	if superframes < 2 {
		t.Errorf("vp9_hidden: %d superframes of two frames", superframes)
	}
	if !bytes.Contains(get("mjpeg_restart").Units[0].Data, []byte{0xFF, 0xDD, 0, 4}) {
		t.Error("mjpeg_restart: no DRI segment")
	}
}

func TestMJPEGClips(t *testing.T) {
	for _, name := range Names() {
		c, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if c.Codec != media.CodecMJPEG {
			continue
		}
		for _, u := range c.Units {
			img, err := jpeg.Decode(bytes.NewReader(u.Data))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if img.Bounds().Dx() != c.Width || img.Bounds().Dy() != c.Height {
				t.Errorf("%s: size is %v", name, img.Bounds())
			}
			if camera, frame, err := ReadBarcode(img); err != nil || camera != c.Camera || frame != u.Frame {
				t.Errorf("%s: got camera %d frame %d (%v), want %d and %d", name, camera, frame, err, c.Camera, u.Frame)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	for _, name := range Names() {
		c, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := Golden(name)
		if c.Codec == media.CodecMJPEG {
			if err == nil {
				t.Errorf("%s: hashes for a codec that is not bit-exact", name)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(g.MD5) != c.Frames || g.Size < c.Width*c.Height {
			t.Errorf("%s: %d hashes of %d bytes for %d pictures", name, len(g.MD5), g.Size, c.Frames)
		}
	}
}

func TestUnknownName(t *testing.T) {
	if _, err := Load("nothing"); err == nil {
		t.Error("Load: no error")
	}
	if _, err := Golden("nothing"); err == nil {
		t.Error("Golden: no error")
	}
}

func TestSizes(t *testing.T) {
	list, err := files.ReadDir("clips")
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, f := range list {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
		if info.Size() > maxFile {
			t.Errorf("%s: %d bytes", f.Name(), info.Size())
		}
	}
	if total > maxTotal {
		t.Errorf("%d bytes in all", total)
	}
}
