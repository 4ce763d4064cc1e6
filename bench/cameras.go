package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/frameport/frameport/internal/camsim"
)

// The child's report, one event per line:
//
//	url URL                      a camera is there
//	ready                        all are
//	play CAMERA NANOSECONDS      a PLAY was granted, noticed within 2 ms
//	sent CAMERA FRAME KEY NANOSECONDS   a picture is about to be written
//	total CAMERA PICTURES PACKETS LOST   sent, and pictures that viewers did not take
//	silent                       it was that of the last camera
//
// A line on its standard input has all cameras fall silent, with their connections
// kept, and is answered with the totals.

// watchPlays is how often PLAY requests are looked for.
const watchPlays = 2 * time.Millisecond

// runCameras is the child that sends. It ends when its standard input does.
func runCameras(ctx context.Context, args []string) error {
	var path string
	var r recipe
	var count int
	var fps float64
	var log bool
	flags := flag.NewFlagSet("bench cameras", flag.ContinueOnError)
	flags.StringVar(&path, "clip", "", "what they show")
	flags.IntVar(&r.width, "width", 1280, "")
	flags.IntVar(&r.height, "height", 720, "")
	flags.IntVar(&count, "count", 1, "how many")
	flags.Float64Var(&fps, "fps", 25, "pictures per second")
	flags.BoolVar(&log, "log", false, "report what is sent when")
	if err := flags.Parse(args); err != nil {
		return err
	}
	clip, err := loadClip(path, r.width, r.height, fps)
	if err != nil {
		return err
	}
	server, err := camsim.Start(camsim.Config{})
	if err != nil {
		return err
	}
	events := make(chan string, 4096)
	var writer sync.WaitGroup
	writer.Go(func() {
		out := bufio.NewWriter(os.Stdout)
		for e := range events {
			_, _ = out.WriteString(e) // the reader notices what is missing
			if len(events) == 0 {
				_ = out.Flush()
			}
		}
	})
	var handles []*camsim.Handle
	for i := range count {
		cam := camsim.Camera{Clip: clip, FPS: fps}
		if log {
			cam.OnSend = func(s camsim.Sent) {
				events <- fmt.Sprintf("sent %d %d %t %d\n", i, s.Frame, s.Key, time.Now().UnixNano())
			}
		}
		h, err := server.Add(fmt.Sprintf("camera/%d", i+1), cam)
		if err != nil {
			return errors.Join(err, server.Close())
		}
		handles = append(handles, h)
		events <- "url " + h.URL() + "\n"
	}
	events <- "ready\n"
	ctx, cancel := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	if log {
		watcher.Go(func() { reportPlays(ctx, handles, events) })
	}
	untilClosed(ctx, &lineReader{from: os.Stdin, line: func() { silence(handles, events) }})
	cancel()
	watcher.Wait()
	err = server.Close() // nothing is sent after that
	close(events)
	writer.Wait()
	return err
}

// silence has cameras send nothing more and reports what they sent.
func silence(handles []*camsim.Handle, events chan<- string) {
	for _, h := range handles {
		h.Set(func(b *camsim.Behaviour) { b.Freeze = true })
	}
	time.Sleep(time.Second) // a picture that is on its way
	for i, h := range handles {
		s := h.Stats()
		events <- fmt.Sprintf("total %d %d %d %d\n", i, s.Units, s.Packets, s.Overflows)
	}
	events <- "silent\n"
}

// lineReader calls line for each line that is read through it.
type lineReader struct {
	from io.Reader
	line func()
}

func (r *lineReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	for range bytes.Count(p[:n], []byte("\n")) {
		r.line()
	}
	return n, err
}

// reportPlays looks for new PLAY requests until ctx is done.
func reportPlays(ctx context.Context, handles []*camsim.Handle, events chan<- string) {
	seen := make([]uint64, len(handles))
	for pause(ctx, watchPlays) == nil {
		for i, h := range handles {
			now := time.Now()
			for plays := h.Stats().Plays; seen[i] < plays; seen[i]++ {
				events <- fmt.Sprintf("play %d %d\n", i, now.UnixNano())
			}
		}
	}
}
