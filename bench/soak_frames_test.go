package main

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/testvideo"
)

// verdict compares what a judge found with what a made-up sequence breaks.
func verdict(t *testing.T, name string, got []string, want string) {
	t.Helper()
	text := strings.Join(got, "; ")
	if (want == "") != (text == "") || !strings.Contains(text, want) {
		t.Errorf("%s: %q, want %q", name, text, want)
	}
}

var day = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// made is a small frame that shows a camera.
func madeFrame(epoch, sequence uint64, shows int, change func(*frameportv1.Frame)) *frameportv1.Frame {
	const width, height = 160, 90
	at := day.Add(time.Duration(epoch)*time.Minute + time.Duration(sequence)*time.Second)
	f := &frameportv1.Frame{
		CameraId: "cam", Epoch: epoch, Sequence: sequence, Pts: durationpb.New(time.Duration(sequence) * time.Second),
		ReceivedTime: timestamppb.New(at), DecodedTime: timestamppb.New(at), SentTime: timestamppb.New(at),
		Width: width, Height: height, Planes: []*frameportv1.Plane{{Stride: width, Height: height}}, Data: make([]byte, width*height),
	}
	testvideo.Stamp(f.GetData(), width, height, width, shows, int(sequence), 0, 255)
	if change != nil {
		change(f)
	}
	return f
}

func asJPEG(f *frameportv1.Frame) {
	img := &image.Gray{Pix: f.GetData(), Stride: int(f.GetWidth()), Rect: image.Rect(0, 0, int(f.GetWidth()), int(f.GetHeight()))}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		panic(err)
	}
	f.Data, f.Planes = out.Bytes(), nil
}

// What a reader of a hurt camera judges: I1, I2 and I5, each broken once.
func TestSoakHurtFrames(t *testing.T) {
	corrupt := func(f *frameportv1.Frame) { f.Corrupt = true }
	missed := func(f *frameportv1.Frame) {
		f.Corrupt, f.Skipped = true, &frameportv1.Skipped{SlowConsumer: 2}
	}
	first := madeFrame(1, 1, 7, nil)
	for name, tc := range map[string]struct {
		frames []*frameportv1.Frame
		want   string
	}{
		"good":                   {[]*frameportv1.Frame{first, madeFrame(1, 2, 7, nil), madeFrame(2, 1, 7, nil)}, ""},
		"PTS stand still":        {[]*frameportv1.Frame{first, madeFrame(1, 2, 7, func(f *frameportv1.Frame) { f.Pts = first.GetPts() })}, "I1"},
		"a number twice":         {[]*frameportv1.Frame{first, first}, "I1"},
		"an older epoch":         {[]*frameportv1.Frame{madeFrame(2, 1, 7, nil), madeFrame(1, 2, 7, nil)}, "I1"},
		"another camera":         {[]*frameportv1.Frame{madeFrame(1, 1, 8, nil)}, "I2"},
		"another, damaged":       {[]*frameportv1.Frame{first, madeFrame(1, 2, 8, corrupt)}, "I2"},
		"no bar code":            {[]*frameportv1.Frame{madeFrame(1, 1, 7, func(f *frameportv1.Frame) { clear(f.GetData()) })}, ""},
		"a damaged start":        {[]*frameportv1.Frame{first, madeFrame(2, 3, 7, corrupt)}, "I5"},
		"damage within an epoch": {[]*frameportv1.Frame{first, madeFrame(1, 2, 7, corrupt)}, ""},
		"the start was missed":   {[]*frameportv1.Frame{first, madeFrame(2, 3, 7, missed)}, ""},
		"older than the epoch":   {[]*frameportv1.Frame{first, madeFrame(2, 1, 7, func(f *frameportv1.Frame) { f.ReceivedTime = timestamppb.New(day) })}, "epochs"},
	} {
		r := reading{shows: 7}
		var got []string
		for _, f := range tc.frames {
			got = append(got, r.next(f)...)
		}
		verdict(t, name, got, tc.want)
		if name == "good" && r.epochs != 2 {
			t.Errorf("%d epochs counted", r.epochs)
		}
	}
}

// And a reader of one that nobody hurts, whose every frame must show its camera.
func TestSoakFrames(t *testing.T) {
	first := madeFrame(1, 1, 7, asJPEG)
	for name, tc := range map[string]struct {
		frames []*frameportv1.Frame
		want   string
	}{
		"good":            {[]*frameportv1.Frame{first, madeFrame(1, 2, 7, asJPEG)}, ""},
		"a number twice":  {[]*frameportv1.Frame{first, first}, "I1"},
		"another camera":  {[]*frameportv1.Frame{madeFrame(1, 1, 8, asJPEG)}, "I2"},
		"under its name":  {[]*frameportv1.Frame{madeFrame(1, 1, 7, func(f *frameportv1.Frame) { asJPEG(f); f.CameraId = "other" })}, "I2"},
		"no bar code":     {[]*frameportv1.Frame{madeFrame(1, 1, 7, func(f *frameportv1.Frame) { clear(f.GetData()); asJPEG(f) })}, "I2"},
		"no picture":      {[]*frameportv1.Frame{madeFrame(1, 1, 7, nil)}, "I2"},
		"a damaged start": {[]*frameportv1.Frame{madeFrame(1, 1, 7, func(f *frameportv1.Frame) { asJPEG(f); f.Corrupt = true })}, "I5"},
	} {
		v := viewing{id: "cam", shows: 7}
		var got []string
		for _, f := range tc.frames {
			got = append(got, v.next(f)...)
		}
		verdict(t, name, got, tc.want)
	}
}

// I4: a frame that had left the ring when it was asked for.
func TestSoakOlder(t *testing.T) {
	known := func(epoch, sequence uint64, last *frameportv1.Frame) *frameportv1.Camera {
		return &frameportv1.Camera{
			Spec:   &frameportv1.CameraSpec{Frame: &frameportv1.FrameSpec{RingSize: 4}},
			Status: &frameportv1.CameraStatus{Epoch: epoch, Sequence: sequence, LastFrameTime: last.GetReceivedTime()},
		}
	}
	at := func(epoch, sequence uint64) *frameportv1.Frame { return madeFrame(epoch, sequence, 7, nil) }
	for name, tc := range map[string]struct {
		frame *frameportv1.Frame
		known *frameportv1.Camera
		want  string
	}{
		"the newest":               {at(1, 9), known(1, 9, at(1, 9)), ""},
		"a newer one":              {at(1, 12), known(1, 9, at(1, 9)), ""},
		"oldest in the ring":       {at(1, 5), known(1, 9, at(1, 9)), ""},
		"out of the ring":          {at(1, 4), known(1, 9, at(1, 9)), "I4"},
		"no frame was known":       {at(1, 1), known(1, 0, nil), ""},
		"the first of an epoch":    {at(2, 1), known(2, 9, at(1, 9)), ""}, // 9 is of the epoch before
		"of an epoch without one":  {at(1, 2), known(2, 9, at(1, 9)), ""},
		"out of the ring, epoch 2": {at(2, 1), known(2, 9, at(2, 9)), "I4"},
	} {
		verdict(t, name, older(tc.frame, tc.known), tc.want)
	}
}

// I3: what a client sees of a camera that was removed.
func TestSoakRemoval(t *testing.T) {
	gone := apierr.New(codes.NotFound, apierr.CameraRemoved, "removed")
	unknown := apierr.New(codes.NotFound, apierr.CameraNotFound, "unknown")
	frames := []*frameportv1.Frame{madeFrame(1, 1, 7, nil), madeFrame(1, 2, 7, nil), madeFrame(1, 3, 7, nil)}
	sent := func(n int) time.Time { return frames[n].GetSentTime().AsTime() }
	late := madeFrame(1, 2, 7, func(f *frameportv1.Frame) {
		f.DecodedTime = timestamppb.New(sent(1).Add(-time.Second))
	})
	for name, tc := range map[string]struct {
		r    removal
		want string
	}{
		"good":                     {removal{sent(2), frames, gone, unknown}, ""},
		"one was being made":       {removal{sent(1).Add(-time.Millisecond), []*frameportv1.Frame{frames[0], late}, gone, unknown}, ""},
		"decoded after that":       {removal{sent(1), frames, gone, unknown}, "I3: frame 3"},
		"two were sent after that": {removal{sent(0).Add(-time.Millisecond), frames[:2], gone, unknown}, "I3: 2 frames"},
		"the stream is cut":        {removal{sent(2), frames, errors.New("cut"), unknown}, "I3: the stream"},
		"the stream goes on":       {removal{sent(2), frames, apierr.New(codes.DeadlineExceeded, apierr.WaitExpired, ""), unknown}, "I3: the stream"},
		"a frame on request":       {removal{sent(2), frames, gone, nil}, "I3: a frame"},
	} {
		verdict(t, name, tc.r.judge(), tc.want)
	}
}
