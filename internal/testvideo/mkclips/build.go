package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

func (r recipe) jpeg() bool      { return r.encoder == "mjpeg" || r.encoder == "cjpeg" }
func (r recipe) fullRange() bool { return r.full || r.jpeg() }
func (r recipe) matrix601() bool { return r.bt601 || r.jpeg() || r.encoder == "libvpx" }

// kind returns the clip's codec and ffmpeg's name of its elementary stream, or of
// the container where it needs one, which also is the file's extension.
func (r recipe) kind() (media.Codec, string) {
	switch r.encoder {
	case "libx264":
		return media.CodecH264, "h264"
	case "libx265":
		return media.CodecH265, "hevc"
	case "libvpx":
		return media.CodecVP8, "ivf"
	case "libvpx-vp9":
		return media.CodecVP9, "ivf"
	default:
		return media.CodecMJPEG, "mjpeg"
	}
}

// build draws, codes and checks one clip and returns its manifest entry and size.
func (r recipe) build(out string) (testvideo.Entry, int, error) {
	codec, format := r.kind()
	e := testvideo.Entry{
		Name: r.name, File: r.name + "." + strings.Replace(format, "hevc", "h265", 1), Note: r.note,
		Codec: codec.String(), Camera: r.camera, Width: r.width, Height: r.height, FPS: float64(r.fps), Frames: r.frames,
		PixFmt: r.pixFmt, Matrix: media.MatrixBT709.String(), Range: media.RangeLimited.String(),
		Barcode: r.scene != scenePlain, Colors: r.colors,
	}
	if r.matrix601() {
		e.Matrix = media.MatrixBT601.String()
	}
	if r.fullRange() {
		e.Range = media.RangeFull.String()
	}
	path := filepath.Join(out, e.File)
	pictures := r.pictures()
	var raw []byte
	if r.encoder == "cjpeg" {
		if err := cjpeg(pictures, path, r.args); err != nil {
			return e, 0, err
		}
		e.Command = "cjpeg " + strings.Join(r.args, " ") + " (each picture) >> " + e.File
	} else {
		raw = r.rawVideo(pictures)
		args := append(r.encode(), "-f", format)
		e.Command = "ffmpeg " + strings.Join(args, " ") + " " + e.File
		if r.twoPass {
			log, err := r.firstPass(raw)
			if err != nil {
				return e, 0, err
			}
			defer os.RemoveAll(filepath.Dir(log))
			args = append(args, "-pass", "2", "-passlogfile", log)
			e.Command += " (second pass of two)"
		}
		if err := ffmpeg(raw, append(args, path)...); err != nil {
			return e, 0, err
		}
	}
	coded, err := os.ReadFile(path)
	if err != nil {
		return e, 0, err
	}
	e.SHA256 = hex.EncodeToString(sum(coded))
	if strings.Contains(r.name, "bframes") {
		if e.Display, err = r.displayOrder(raw); err != nil {
			return e, 0, err
		}
	}
	if codec != media.CodecMJPEG {
		e.Golden = r.name + ".framemd5"
		err = ffmpeg(nil, "-f", format, "-i", path, "-fps_mode", "passthrough", "-f", "framemd5", filepath.Join(out, e.Golden))
		if err != nil {
			return e, 0, err
		}
	}
	if r.scene == scenePlain {
		err = r.checkPlain(path, raw)
	}
	return e, len(coded), err
}

// firstPass only looks at the pictures and returns the name of its notes, which are
// alone in a new folder.
func (r recipe) firstPass(raw []byte) (log string, err error) {
	dir, err := os.MkdirTemp("", "mkclips")
	if err != nil {
		return "", err
	}
	log = filepath.Join(dir, "notes")
	if err := ffmpeg(raw, append(r.encode(), "-pass", "1", "-passlogfile", log, "-f", "null", "-")...); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return log, nil
}

// rawVideo returns the planes of all pictures.
func (r recipe) rawVideo(pictures []*canvas) []byte {
	c := newCoder(r)
	var raw []byte
	for _, pic := range pictures {
		raw = append(raw, c.planes(pic)...)
	}
	return raw
}

// pictures draws the clip.
func (r recipe) pictures() []*canvas {
	draw := r.painter()
	dice := rand.New(rand.NewPCG(uint64(r.camera), 7))
	var out []*canvas
	for i := range r.frames {
		pic := draw(float64(i))
		if r.interlaced {
			later := draw(float64(i) + 0.5)
			for y := 1; y < pic.h; y += 2 {
				copy(pic.pix[y*pic.w:(y+1)*pic.w], later.pix[y*pic.w:])
			}
		}
		if r.noise > 0 {
			pic.grain(dice, r.noise)
		}
		if r.scene != scenePlain {
			stamp(pic, r.camera, i)
		}
		out = append(out, pic)
	}
	return out
}

func (r recipe) painter() func(moment float64) *canvas {
	if r.scene == sceneStreet {
		return newStreet(r.camera, r.width, r.height, r.frames).draw
	}
	return func(float64) *canvas {
		pic := newCanvas(r.width, r.height)
		for i, col := range r.colors {
			n := len(r.colors)
			pic.rect(i*r.width/n, 0, (i+1)*r.width/n, r.height, rgb{col[0], col[1], col[2]})
		}
		return pic
	}
}

// stamp draws the bar code in black and white.
func stamp(pic *canvas, camera, frame int) {
	luma := make([]byte, pic.w*pic.h)
	testvideo.Stamp(luma, pic.w, pic.h, pic.w, camera, frame, 0, 255)
	for i, v := range luma[:pic.w*testvideo.BarHeight(pic.h)] {
		pic.pix[i] = rgb{v, v, v}
	}
}

// encode returns ffmpeg's arguments up to the output format.
func (r recipe) encode() []string {
	space, tagged := "bt709", "tv"
	if r.matrix601() {
		space = "smpte170m"
	}
	if r.fullRange() {
		tagged = "pc"
	}
	args := []string{
		"-f", "rawvideo", "-pix_fmt", r.pixFmt, "-s", fmt.Sprintf("%dx%d", r.width, r.height),
		"-r", strconv.Itoa(r.fps), "-i", "-", "-c:v", r.encoder, "-pix_fmt", r.pixFmt,
	}
	if r.encoder == "mjpeg" {
		// The tables of the standard are the only ones RTP can carry (RFC 2435, 3.1).
		args = append(args, "-huffman", "default")
	} else {
		args = append(args, "-color_range", tagged, "-colorspace", space, "-color_primaries", space, "-color_trc", space)
	}
	return append(append(args, "-threads", "1"), r.args...)
}

// displayOrder codes the clip once more into a container with time stamps, and
// returns each access unit's place in display order.
func (r recipe) displayOrder(raw []byte) ([]int, error) {
	dir, err := os.MkdirTemp("", "mkclips")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "clip.mkv")
	if err := ffmpeg(raw, append(r.encode(), path)...); err != nil {
		return nil, err
	}
	listing, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "packet=pts", "-of", "csv=p=0", path).Output()
	if err != nil {
		return nil, fmt.Errorf("ffprobe: %w", err)
	}
	var pts []int
	for _, field := range strings.Fields(string(listing)) {
		n, err := strconv.Atoi(strings.Trim(field, ","))
		if err != nil {
			return nil, fmt.Errorf("ffprobe: %w", err)
		}
		pts = append(pts, n)
	}
	sorted := append([]int(nil), pts...)
	sort.Ints(sorted)
	for i, p := range pts {
		pts[i] = sort.SearchInts(sorted, p)
	}
	return pts, nil
}

// checkPlain decodes a plain clip and demands the very samples that were coded.
func (r recipe) checkPlain(path string, raw []byte) error {
	decoded, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-").Output()
	if err != nil {
		return err
	}
	if !bytes.Equal(decoded, raw) {
		return fmt.Errorf("decoded samples differ from the drawn ones, lower its -qp")
	}
	return nil
}

// cjpeg codes every picture by itself with libjpeg's program, which unlike ffmpeg
// writes 4:2:2 the way RFC 2435 wants it.
func cjpeg(pictures []*canvas, path string, args []string) error {
	var all []byte
	for _, pic := range pictures {
		ppm := fmt.Appendf(nil, "P6\n%d %d\n255\n", pic.w, pic.h)
		for _, p := range pic.pix {
			ppm = append(ppm, p.r, p.g, p.b)
		}
		cmd := exec.Command("cjpeg", args...)
		cmd.Stdin = bytes.NewReader(ppm)
		coded, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("cjpeg (apt-get install libjpeg-turbo-progs): %w", err)
		}
		all = append(all, coded...)
	}
	return os.WriteFile(path, all, 0o644)
}

func ffmpeg(stdin []byte, args ...string) error {
	cmd := exec.Command("ffmpeg", append([]string{"-y", "-v", "error", "-bitexact"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg %s: %w\n%s", strings.Join(args, " "), err, text)
	}
	return nil
}

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}
