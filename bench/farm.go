package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// farm is the child with the simulated cameras.
type farm struct {
	*child
	clip string // its file
	urls []string

	mu    sync.Mutex
	ready bool
	sent  map[int][]sending   // by camera, in order
	plays map[int][]time.Time // by camera, in order
	total []sentTotal         // by camera, after silence
	quiet bool                // total is complete
}

// sentTotal is all that a camera sent.
type sentTotal struct{ pictures, packets, lost int }

// sending is one picture that left a camera.
type sending struct {
	frame int
	key   bool
	at    time.Time
}

// startFarm starts count cameras that show a recipe's clip at fps (0 = the
// clip's). With log, it is known when they sent what.
func (l *lab) startFarm(ctx context.Context, r recipe, count int, fps float64, log bool) (*farm, error) {
	path, err := r.make(ctx)
	if err != nil {
		return nil, err
	}
	if fps == 0 {
		fps = float64(r.fps)
	}
	f := &farm{clip: path, sent: map[int][]sending{}, plays: map[int][]time.Time{}}
	f.child, err = startChild(ctx, "cameras", nil, f.line, l.self, "cameras", "-clip", path,
		"-width", strconv.Itoa(r.width), "-height", strconv.Itoa(r.height),
		"-count", strconv.Itoa(count), "-fps", strconv.FormatFloat(fps, 'g', -1, 64), fmt.Sprintf("-log=%t", log))
	if err != nil {
		return nil, err
	}
	err = poll(ctx, 20*time.Second, 5*time.Millisecond, "start of the cameras", func() (bool, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.ready, f.alive()
	})
	if err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

// line takes one line of the child's report.
func (f *farm) line(s string) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case words[0] == "url" && len(words) == 2:
		f.urls = append(f.urls, words[1])
	case words[0] == "ready":
		f.ready = true
	case words[0] == "total" && len(words) == 5:
		f.total = append(f.total, sentTotal{atoi(words[2]), atoi(words[3]), atoi(words[4])})
	case words[0] == "silent":
		f.quiet = true
	case words[0] == "play" && len(words) == 3:
		camera, at := atoi(words[1]), nanoseconds(words[2])
		f.plays[camera] = append(f.plays[camera], at)
	case words[0] == "sent" && len(words) == 5:
		camera := atoi(words[1])
		f.sent[camera] = append(f.sent[camera], sending{frame: atoi(words[2]), key: words[3] == "true", at: nanoseconds(words[4])})
	}
}

// silence has the cameras send nothing more. It returns what each of them sent.
func (f *farm) silence(ctx context.Context) ([]sentTotal, error) {
	if _, err := io.WriteString(f.stdin, "silence\n"); err != nil {
		return nil, err
	}
	err := poll(ctx, 20*time.Second, 20*time.Millisecond, "cameras' totals", func() (bool, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.quiet, f.alive()
	})
	return f.total, err
}

// sendTime is when a camera last sent a picture before a moment.
func (f *farm) sendTime(camera, frame int, before time.Time) (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.sent[camera]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].frame == frame && !list[i].at.After(before) {
			return list[i].at, true
		}
	}
	return time.Time{}, false
}

// firstKey is when a camera first sent a key picture after a moment.
func (f *farm) firstKey(camera int, after time.Time) (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sent[camera] {
		if s.key && !s.at.Before(after) {
			return s.at, true
		}
	}
	return time.Time{}, false
}

// play is when a camera's n-th PLAY was granted, from 0.
func (f *farm) play(camera, n int) (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n >= len(f.plays[camera]) {
		return time.Time{}, false
	}
	return f.plays[camera][n], true
}

func (f *farm) playCount(camera int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.plays[camera])
}

// atoi and nanoseconds read what our own child wrote.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func nanoseconds(s string) time.Time {
	n, _ := strconv.ParseInt(s, 10, 64)
	return time.Unix(0, n)
}
