package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

var bytes4x4 = &frameportv1.TensorSpec{Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Width: 4, Height: 4}

func TestClientBatchesAreNewestWins(t *testing.T) {
	h, cameras, _ := newBatchHarness(t, "a", "b")
	publish := func(id string, n int) {
		for range n {
			cameras.camera(id).publish(frame.Drops{})
		}
	}
	publish("a", 1)
	publish("b", 1)
	var got []string
	for b, err := range dialClient(t, h).Batches(t.Context(), client.BatchOptions{Tensor: bytes4x4, MaxWait: 10 * time.Second}) {
		if err != nil {
			t.Fatal(err)
		}
		numbers := map[string]uint64{}
		for i, e := range b.GetEntries() {
			numbers[e.GetCameraId()] = e.GetSequence()
			if row := b.GetData()[i*3*4*4:]; uint64(row[0]) != e.GetSequence() {
				t.Errorf("row %d holds frame %d, its entry says %v", i, row[0], e)
			}
		}
		got = append(got, fmt.Sprint(numbers))
		if len(got) == 3 {
			break
		}
		// While the body works nothing has been asked for: of these only the last counts.
		publish("a", 3)
		publish("b", 2)
	}
	if want := "[map[a:1 b:1] map[a:4 b:3] map[a:7 b:5]]"; fmt.Sprint(got) != want {
		t.Errorf("batches %v, want %v", got, want)
	}
}

// What the options say is what the worker is told.
func TestClientBatchOptions(t *testing.T) {
	var ended endings
	cameras := newFakeCameras(t, "a")
	h := newHarness(t, cameras, newFakeRenderer(1), ended.hook, func(c *Config) { c.Tensors = &fakeTensors{} })
	north := config.Camera{URL: "rtsp://192.0.2.1/", Labels: map[string]string{"site": "north"}}
	for _, id := range []string{"b", "c"} {
		cameras.add(id, north).publish(frame.Drops{})
	}
	cameras.camera("a").publish(frame.Drops{})
	c := dialClient(t, h)
	for b, err := range c.Batches(t.Context(), client.BatchOptions{Cameras: []string{"a", "b"}, Selector: "site=north", Tensor: bytes4x4}) {
		if err != nil || len(b.GetEntries()) != 1 || b.GetEntries()[0].GetCameraId() != "b" || fmt.Sprint(b.GetShape()) != "[1 3 4 4]" {
			t.Errorf("%v, %v", b, err)
		}
		break
	}
	for b, err := range c.Batches(t.Context(), client.BatchOptions{Tensor: bytes4x4, MaxSize: 2}) {
		if err != nil || len(b.GetEntries()) != 2 {
			t.Errorf("%v, %v", b, err)
		}
		break
	}
	eventually(t, "the calls have ended with their loops", func() bool { return ended.count() == 2 })
}

func TestClientBatchesEnd(t *testing.T) {
	h, cameras, _ := newBatchHarness(t, "a")
	c := dialClient(t, h)
	one := func(ctx context.Context, o client.BatchOptions, body func()) (last error) {
		for b, err := range c.Batches(ctx, o) {
			if last != nil || (b == nil) != (err != nil) {
				t.Errorf("%v, %v after %v", b, err, last)
			}
			if last = err; err == nil {
				body()
			}
		}
		return last
	}
	wantReason(t, one(t.Context(), client.BatchOptions{}, nil), codes.InvalidArgument, apierr.InvalidTensor)
	for _, o := range []client.BatchOptions{{MaxSize: 257}, {MaxSize: -1 << 40}, {MaxSize: 1 << 40}, {MaxWait: time.Minute}, {MaxWait: -1}} {
		o.Tensor = bytes4x4
		wantReason(t, one(t.Context(), o, nil), codes.InvalidArgument, apierr.InvalidBatch)
	}
	// The client takes what a worker sends at most, and says so: the sizes of its comment.
	big := client.BatchOptions{Tensor: &frameportv1.TensorSpec{Width: 640, Height: 640}, MaxSize: 14}
	wantReason(t, one(t.Context(), big, nil), codes.ResourceExhausted, apierr.FrameTooLarge)
	big.Tensor.Dtype, big.MaxSize = frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, 55
	wantReason(t, one(t.Context(), big, nil), codes.ResourceExhausted, apierr.FrameTooLarge)

	cameras.camera("a").publish(frame.Drops{})
	for _, fits := range []client.BatchOptions{{MaxSize: 54, Tensor: big.Tensor}, {MaxSize: 13, Tensor: &frameportv1.TensorSpec{Width: 640, Height: 640}}} {
		ctx, cancel := context.WithCancel(t.Context())
		if err := one(ctx, fits, cancel); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	// A worker that ends says so.
	err := one(t.Context(), client.BatchOptions{Tensor: bytes4x4}, func() { go func() { _ = h.stop() }() })
	wantReason(t, err, codes.Unavailable, apierr.ShuttingDown)
	if err := h.stop(); err != nil {
		t.Error(err)
	}
}

// sentMessages counts what a client sends on its streams.
type sentMessages struct {
	grpc.ClientStream
	count *atomic.Int32
}

func (s sentMessages) SendMsg(m any) error {
	s.count.Add(1)
	return s.ClientStream.SendMsg(m)
}

// While a loop's body works, its client has sent as many messages as it has had answers,
// the start among them: no credit is under way.
func TestClientAsksWhenTheBodyIsDone(t *testing.T) {
	h, cameras, _ := newBatchHarness(t, "a")
	var count atomic.Int32
	c, err := client.Dial(h.address, grpc.WithStreamInterceptor(func(
		ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		s, err := streamer(ctx, desc, cc, method, opts...)
		return sentMessages{s, &count}, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	cameras.camera("a").publish(frame.Drops{})
	turns := int32(0)
	body := func(err error) (more bool) {
		if turns++; err != nil || count.Load() != turns {
			t.Errorf("turn %d: %d messages sent, %v", turns, count.Load(), err)
		}
		cameras.camera("a").publish(frame.Drops{})
		return turns < 3
	}
	for _, err := range c.Batches(t.Context(), client.BatchOptions{Tensor: bytes4x4}) {
		if !body(err) {
			break
		}
	}
	turns = 0
	count.Store(0)
	for _, err := range c.Watch(t.Context(), client.WatchOptions{}) {
		if !body(err) {
			break
		}
	}
}
