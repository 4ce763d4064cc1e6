package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// runDecode is the child that decodes and does nothing else: as many decoders as
// cameras, each at the cameras' pace, frames dropped at once. It is the floor
// under every path that decodes all frames on this machine.
func runDecode(ctx context.Context, args []string) error {
	var path string
	var count, frames int
	var fps float64
	flags := flag.NewFlagSet("bench decode", flag.ContinueOnError)
	flags.StringVar(&path, "clip", "", "what is decoded")
	flags.IntVar(&count, "count", 1, "how many decoders")
	flags.Float64Var(&fps, "fps", 25, "pictures per second of each")
	flags.IntVar(&frames, "frames", 0, "decode so many as fast as it goes, on one decoder, and say how long each took")
	if err := flags.Parse(args); err != nil {
		return err
	}
	clip, err := loadClip(path, 0, 0, fps)
	if err != nil {
		return err
	}
	if frames > 0 {
		return decodeFast(ctx, clip, frames)
	}
	ctx, cancel := context.WithCancel(ctx)
	var all errgroup.Group
	for i := range count {
		phase := time.Duration(float64(i) / float64(count) * float64(time.Second) / fps)
		all.Go(func() error { return decodeLoop(ctx, clip, fps, phase) })
	}
	fmt.Println("ready")
	untilClosed(ctx, os.Stdin)
	cancel()
	return all.Wait()
}

// decodeLoop decodes a clip at its pace, again and again, until ctx is done.
func decodeLoop(ctx context.Context, clip *testvideo.Clip, fps float64, phase time.Duration) error {
	begin := time.Now().Add(phase)
	return decodeWhile(ctx, clip, func(i int) bool {
		due := begin.Add(time.Duration(float64(i) * float64(time.Second) / fps))
		return pause(ctx, time.Until(due)) == nil
	})
}

// decodeFast decodes without a pause and prints the processor time per picture in
// nanoseconds.
func decodeFast(ctx context.Context, clip *testvideo.Clip, frames int) error {
	var before time.Duration
	err := decodeWhile(ctx, clip, func(i int) bool {
		if i == len(clip.Units) { // the first round warms up
			before, _ = cpuTime(os.Getpid())
		}
		return ctx.Err() == nil && i < len(clip.Units)+frames
	})
	if err != nil {
		return err
	}
	after, err := cpuTime(os.Getpid())
	fmt.Println((after - before).Nanoseconds() / int64(frames))
	return err
}

// decodeWhile decodes a clip again and again while next says so. It is given the
// number of the next picture.
func decodeWhile(ctx context.Context, clip *testvideo.Clip, next func(int) bool) error {
	format := media.Format{Codec: clip.Codec, NoReorder: true}
	d, err := avcodec.New(decoder.Config{Format: format})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // the process ends with it
	for i := 0; next(i); i++ {
		u := clip.Units[i%len(clip.Units)]
		au := media.AccessUnit{Format: &format, Data: u.Data, RandomAccess: u.Key}
		au.PTS = time.Duration(float64(i) * float64(time.Second) / clip.FPS)
		if err := d.Decode(context.WithoutCancel(ctx), &au, func(*frame.Frame) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}
