package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// python is where distributions put their own packages.
const python = "/usr/bin/python3"

//go:embed opencv.py
var openCVProgram string

// processes is a contender that is nothing but processes.
type processes struct {
	list []*child
	// done counts what the processes say they did; nil when files tell.
	frames, jpegs *atomic.Int64
	frames0       int64
	jpegs0        int64
	files         []string
}

func (p *processes) pids() []int {
	var out []int
	for _, c := range p.list {
		out = append(out, c.pid())
	}
	return out
}

func (p *processes) empty() memory { return memory{} }

func (p *processes) begin(context.Context) error {
	if p.frames != nil {
		p.frames0, p.jpegs0 = p.frames.Load(), p.jpegs.Load()
	}
	return nil
}

func (p *processes) check(_ context.Context, window time.Duration) error {
	for _, c := range p.list {
		if err := c.alive(); err != nil {
			return err
		}
	}
	for _, name := range p.files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if age := time.Since(info.ModTime()); age > 3*time.Second {
			return fmt.Errorf("%s was last written %v ago, want one a second", filepath.Base(name), age.Round(time.Millisecond))
		}
	}
	if p.frames == nil {
		return nil
	}
	frames, jpegs := p.frames.Load()-p.frames0, p.jpegs.Load()-p.jpegs0
	if want := 0.9 * 25 * cameraCount * window.Seconds(); float64(frames) < want {
		return fmt.Errorf("%d frames, want at least %.0f", frames, want)
	}
	if want := 0.8 * cameraCount * window.Seconds(); float64(jpegs) < want {
		return fmt.Errorf("%d JPEGs, want at least %.0f", jpegs, want)
	}
	return nil
}

func (p *processes) stop() {
	for _, c := range p.list {
		c.cancel() // all at once
	}
	for _, c := range p.list {
		c.stop()
	}
}

// startFFmpeg starts a process per camera with that many decoder threads.
func startFFmpeg(threads string) func(context.Context, *lab, *farm) (running, error) {
	return func(ctx context.Context, l *lab, f *farm) (running, error) {
		p := &processes{}
		for i, url := range f.urls {
			file := filepath.Join(l.dir, fmt.Sprintf("ffmpeg-%d.jpg", i))
			args := []string{"-nostdin", "-v", "error"}
			if threads != "" {
				args = append(args, "-threads", threads)
			}
			args = append(args, "-rtsp_transport", "tcp", "-i", url, "-an", "-vf", "fps=1",
				"-q:v", "3", "-f", "image2", "-update", "1", "-y", file)
			c, err := startChild(ctx, "ffmpeg", nil, nil, "ffmpeg", args...)
			if err != nil {
				p.stop()
				return nil, err
			}
			p.list = append(p.list, c)
			p.files = append(p.files, file)
		}
		return p, nil
	}
}

// startOpenCV starts one process for all cameras; opencv.py says what the modes
// are.
func startOpenCV(mode string) func(context.Context, *lab, *farm) (running, error) {
	return func(ctx context.Context, _ *lab, f *farm) (running, error) {
		p := &processes{frames: new(atomic.Int64), jpegs: new(atomic.Int64)}
		env := []string{"OPENCV_FFMPEG_CAPTURE_OPTIONS=rtsp_transport;tcp"}
		line := func(s string) { // "FRAMES JPEGS", totals up to now
			if a, b, ok := strings.Cut(s, " "); ok {
				p.frames.Store(int64(atoi(a)))
				p.jpegs.Store(int64(atoi(b)))
			}
		}
		c, err := startChild(ctx, "opencv", env, line, python, append([]string{"-c", openCVProgram, mode}, f.urls...)...)
		if err != nil {
			return nil, err
		}
		p.list = []*child{c}
		err = poll(ctx, 60*time.Second, 100*time.Millisecond, "OpenCV opens the cameras", func() (bool, error) {
			return p.jpegs.Load() >= cameraCount, c.alive()
		})
		if err != nil {
			p.stop()
			return nil, err
		}
		return p, nil
	}
}

// startDecoding starts this program as the floor of what decoding costs.
func startDecoding(ctx context.Context, l *lab, f *farm) (running, error) {
	ready := make(chan struct{}, 1)
	c, err := startChild(ctx, "decode", nil, func(string) { ready <- struct{}{} },
		l.self, "decode", "-clip", f.clip, "-count", strconv.Itoa(cameraCount), "-fps", "25")
	if err != nil {
		return nil, err
	}
	p := &processes{list: []*child{c}}
	select {
	case <-ready:
		return p, nil
	case <-c.done:
		return nil, errors.Join(c.alive())
	case <-ctx.Done():
		p.stop()
		return nil, ctx.Err()
	}
}
