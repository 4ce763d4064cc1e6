package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// recipe is how a clip is made. Its fields are all that the result depends on.
type recipe struct {
	width, height, fps int
	seconds            int
	gop                int // pictures from one IDR to the next
	kilobits           int // per second, filled up when the picture needs less
	noise              int // strength, so that the picture is as hard as a camera's
	profile            string
}

// camera720 is the load of most scenarios: what the targets are stated for.
func camera720() recipe {
	return recipe{width: 1280, height: 720, fps: 25, seconds: 10, gop: 50, kilobits: 2000, noise: 6, profile: "main"}
}

// simple720 is the same from a camera that codes for simple decoders: without
// arithmetic coding, which is the largest part of decoding at this rate.
func simple720() recipe {
	r := camera720()
	r.profile = "baseline"
	return r
}

// camera10 is a camera nobody looks at.
func camera10() recipe {
	return recipe{width: 1280, height: 720, fps: 10, seconds: 10, gop: 20, kilobits: 400, noise: 2, profile: "main"}
}

func (r recipe) String() string {
	return fmt.Sprintf("%dx%d %d fps H.264 %s profile %d kbit/s GOP %d", r.width, r.height, r.fps, r.profile, r.kilobits, r.gop)
}

// source are ffmpeg's arguments that draw the pictures: a moving test picture
// under noise that is new in each.
func (r recipe) source() []string {
	return []string{
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", r.width, r.height, r.fps),
		"-vf", fmt.Sprintf("noise=alls=%d:allf=t,format=yuv420p", r.noise),
		"-frames:v", strconv.Itoa(r.fps * r.seconds), "-f", "rawvideo", "-",
	}
}

// encoder are ffmpeg's arguments that code them as cameras do: one slice, one
// reference, no B pictures, constant rate. Delimiters mark the access units.
func (r recipe) encoder() []string {
	rate := strconv.Itoa(r.kilobits) + "k"
	gop := strconv.Itoa(r.gop)
	return []string{
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", r.width, r.height), "-r", strconv.Itoa(r.fps), "-i", "-",
		"-c:v", "libx264", "-preset", "veryfast", "-profile:v", r.profile, "-threads", "1",
		"-bf", "0", "-refs", "1", "-g", gop, "-keyint_min", gop, "-sc_threshold", "0",
		"-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-x264-params", "nal-hrd=cbr:aud=1",
		"-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-f", "h264",
	}
}

// path is where the clip is kept: the name changes with the recipe.
func (r recipe) path() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(append(r.source(), r.encoder()...), " ")))
	return filepath.Join(cache, "frameport", "bench", "clip-"+hex.EncodeToString(sum[:6])+".h264"), nil
}

// make returns the clip's file, which is made unless it is there.
func (r recipe) make(ctx context.Context) (string, error) {
	path, err := r.path()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	part := path + ".part"
	defer os.Remove(part)
	if err := r.encode(ctx, part); err != nil {
		return "", fmt.Errorf("clip %v: %w", r, err)
	}
	return path, os.Rename(part, path)
}

// encode draws, stamps and codes the pictures.
func (r recipe) encode(ctx context.Context, path string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // whoever is left when the other failed
	var said tail
	quiet := []string{"-hide_banner", "-nostdin", "-v", "error"}
	draw := exec.CommandContext(ctx, "ffmpeg", append(quiet, r.source()...)...)
	code := exec.CommandContext(ctx, "ffmpeg", append(append([]string{"-y"}, quiet[2:]...), append(r.encoder(), path)...)...)
	draw.Stderr, code.Stderr = &said, &said
	pictures, err := draw.StdoutPipe()
	if err != nil {
		return err
	}
	stamped, err := code.StdinPipe()
	if err != nil {
		return err
	}
	if err := draw.Start(); err != nil {
		return err
	}
	if err := code.Start(); err != nil {
		return errors.Join(err, stamped.Close())
	}
	err = r.stamp(pictures, stamped)
	if err := errors.Join(err, stamped.Close(), draw.Wait(), code.Wait()); err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	return nil
}

// stamp numbers the pictures that pass through.
func (r recipe) stamp(from io.Reader, to io.Writer) error {
	picture := make([]byte, r.width*r.height*3/2)
	for i := range r.fps * r.seconds {
		if _, err := io.ReadFull(from, picture); err != nil {
			return fmt.Errorf("picture %d: %w", i, err)
		}
		testvideo.Stamp(picture, r.width, r.height, r.width, 1, i, 16, 235)
		chroma := picture[r.width*r.height:] // grey below the bar code
		for plane := range 2 {
			top := chroma[plane*len(chroma)/2:][:r.width/2*testvideo.BarHeight(r.height)/2]
			for j := range top {
				top[j] = 128
			}
		}
		if _, err := to.Write(picture); err != nil {
			return err
		}
	}
	return nil
}

// loadClip takes a file made by a recipe apart.
func loadClip(path string, width, height int, fps float64) (*testvideo.Clip, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &testvideo.Clip{Codec: media.CodecH264, Samples: data}
	c.Name, c.Camera, c.Width, c.Height, c.FPS = filepath.Base(path), 1, width, height, fps
	for _, nal := range testvideo.SplitAnnexB(data) {
		switch nal[0] & 0x1F {
		case 9: // delimiter: cameras do not send it, and it begins the next unit
			c.Units = append(c.Units, testvideo.Unit{Frame: len(c.Units)})
			continue
		case 12: // filler for the constant rate is sent like anything else
		case 7:
			c.SPS = nal
		case 8:
			c.PPS = nal
		}
		if len(c.Units) == 0 {
			return nil, fmt.Errorf("%s: no access unit delimiter in front", path)
		}
		u := &c.Units[len(c.Units)-1]
		u.NALUs = append(u.NALUs, nal)
		u.Data = append(append(u.Data, 0, 0, 0, 1), nal...)
		u.Key = u.Key || nal[0]&0x1F == 5
	}
	c.Frames = len(c.Units)
	if c.Frames == 0 || !c.Units[0].Key || c.SPS == nil || c.PPS == nil {
		return nil, fmt.Errorf("%s: not a clip that begins with parameter sets and an IDR picture; remove it", path)
	}
	return c, nil
}
