package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
)

// fakeTensors writes the frame's sequence number to the first eight bytes of a tensor.
type fakeTensors struct {
	mu     sync.Mutex
	broken map[uint64]error // by sequence number
}

func (f *fakeTensors) Tensor(_ context.Context, src *frame.Frame, t convert.Tensor, dst []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(dst) != t.Bytes() {
		return fmt.Errorf("%d bytes for %d", len(dst), t.Bytes())
	}
	if err := f.broken[src.Sequence]; err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(dst, src.Sequence)
	return nil
}

type batches struct {
	t *testing.T
	frameportv1.FrameService_StreamBatchesClient
}

func newBatchHarness(t *testing.T, ids ...string) (*harness, *fakeCameras, *fakeTensors) {
	t.Helper()
	cameras, tensors := newFakeCameras(t, ids...), &fakeTensors{broken: map[uint64]error{}}
	return newHarness(t, cameras, newFakeRenderer(10), func(c *Config) { c.Tensors = tensors }), cameras, tensors
}

// batches opens a stream of 4x4 bytes in three channels, unless start says otherwise.
func (h *harness) batches(start *frameportv1.StreamBatchesStart) batches {
	h.t.Helper()
	stream, err := h.frame.StreamBatches(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if start.Tensor == nil {
		start.Tensor = &frameportv1.TensorSpec{Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Width: 4, Height: 4}
	}
	b := batches{h.t, stream}
	if err := b.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: start}}); err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (b batches) grant(n int32) {
	b.t.Helper()
	if err := b.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Credits{Credits: n}}); err != nil {
		b.t.Fatal(err)
	}
}

// next returns a batch and what its rows hold, by camera, after looking at what all
// batches have in common.
func (b batches) next() (*frameportv1.Batch, map[string]uint64) {
	b.t.Helper()
	r, err := b.Recv()
	if err != nil {
		b.t.Fatal(err)
	}
	m := r.GetBatch()
	n, rows := len(m.GetEntries()), map[string]uint64{}
	each := 1
	for _, s := range m.GetShape()[1:] {
		each *= int(s)
	}
	each *= map[frameportv1.TensorDtype]int{1: 1, 2: 2, 3: 4}[m.GetDtype()]
	if n == 0 || m.GetShape()[0] != int64(n) || len(m.GetData()) != n*each || m.GetSentTime() == nil {
		b.t.Fatalf("%d entries of %d bytes, shape %v, %d bytes", n, each, m.GetShape(), len(m.GetData()))
	}
	for i, e := range m.GetEntries() {
		rows[e.GetCameraId()] = binary.LittleEndian.Uint64(m.GetData()[i*each:])
		if rows[e.GetCameraId()] != e.GetSequence() {
			b.t.Errorf("row %d holds frame %d, its entry says %d", i, rows[e.GetCameraId()], e.GetSequence())
		}
	}
	if len(rows) != n {
		b.t.Errorf("a camera stands in the batch twice: %v", m.GetEntries())
	}
	return m, rows
}

func TestBatchesHoldTheNewestFrameOfEachCamera(t *testing.T) {
	h, cameras, _ := newBatchHarness(t, "a", "b", "c")
	for _, id := range []string{"a", "b", "c"} {
		cameras.camera(id).publish(frame.Drops{})
	}
	b := h.batches(&frameportv1.StreamBatchesStart{})
	m, rows := b.next()
	if len(rows) != 3 || m.GetBatchNumber() != 1 || m.GetDtype() != frameportv1.TensorDtype_TENSOR_DTYPE_UINT8 ||
		m.GetLayout() != frameportv1.TensorLayout_TENSOR_LAYOUT_NCHW || fmt.Sprint(m.GetShape()) != "[3 3 4 4]" {
		t.Fatalf("%v, %v", rows, m)
	}
	e := m.GetEntries()[0]
	src := cameras.camera(e.GetCameraId()).ring.Latest()
	defer src.Release()
	to, err := convert.Tensor{
		Type: convert.TensorUint8, Layout: convert.TensorNCHW, Width: 4, Height: 4, Fit: convert.FitLetterbox,
		Scale: [3]float32{1, 1, 1}, Std: [3]float32{1, 1, 1},
	}.Transform(src.Width, src.Height)
	if err != nil {
		t.Fatal(err)
	}
	got := e.GetTransform()
	if got.GetScaleX() != to.ScaleX || got.GetScaleY() != to.ScaleY || got.GetOffsetX() != to.OffsetX || got.GetOffsetY() != to.OffsetY {
		t.Errorf("transform %v, want %v", got, to)
	}
	if e.GetSourceWidth() != int32(src.Width) || e.GetSourceHeight() != int32(src.Height) || !e.GetReceivedTime().AsTime().Equal(src.Received) ||
		e.GetEpoch() != src.Epoch || !proto.Equal(e.GetSkipped(), &frameportv1.Skipped{}) {
		t.Errorf("entry %v of frame %+v", e, src.Info)
	}
	// Without credit nothing is sent. What comes then is the newest, once.
	for range 3 {
		cameras.camera("a").publish(frame.Drops{})
	}
	cameras.camera("c").publish(frame.Drops{})
	b.grant(2)
	m, rows = b.next()
	if fmt.Sprint(rows) != "map[a:4 c:2]" || m.GetBatchNumber() != 2 {
		t.Errorf("second batch: %v", rows)
	}
	for _, e := range m.GetEntries() {
		if e.GetCameraId() == "a" && e.GetSkipped().GetSlowConsumer() != 2 {
			t.Errorf("skipped %v", e.GetSkipped())
		}
	}
	cameras.camera("b").publish(frame.Drops{})
	if _, rows = b.next(); fmt.Sprint(rows) != "map[b:2]" {
		t.Errorf("third batch: %v", rows)
	}
}

// A batch that is not full waits for others, and then holds what is newest at its end.
func TestBatchesWait(t *testing.T) {
	h, cameras, _ := newBatchHarness(t, "a", "b")
	b := h.batches(&frameportv1.StreamBatchesStart{MaxWait: durationpb.New(10 * time.Second)})
	cameras.camera("a").publish(frame.Drops{})
	cameras.camera("a").publish(frame.Drops{})
	cameras.camera("b").publish(frame.Drops{})
	if _, rows := b.next(); rows["a"] != 2 || rows["b"] != 1 {
		t.Errorf("%v", rows) // every camera of the stream is in it, so it does not wait for more
	}
	// With half the cameras it goes when the wait is over.
	short := h.batches(&frameportv1.StreamBatchesStart{MaxWait: durationpb.New(time.Millisecond), Credits: proto.Int32(0)})
	cameras.camera("a").publish(frame.Drops{})
	short.grant(1)
	short.next()
	cameras.camera("b").publish(frame.Drops{})
	short.grant(1)
	if _, rows := short.next(); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
}

// With more cameras than a batch takes, each has its turn.
func TestBatchesAreFair(t *testing.T) {
	var ids []string
	for i := range 10 {
		ids = append(ids, fmt.Sprintf("c%d", i))
	}
	h, cameras, _ := newBatchHarness(t, ids...)
	b := h.batches(&frameportv1.StreamBatchesStart{MaxBatchSize: 4, MaxWait: durationpb.New(0), Credits: proto.Int32(0)})
	turns := map[string]int{}
	const rounds = 25
	for range rounds {
		for _, id := range ids {
			cameras.camera(id).publish(frame.Drops{})
		}
		b.grant(1)
		m, rows := b.next()
		if len(rows) != 4 {
			t.Fatalf("%d entries in batch %d", len(rows), m.GetBatchNumber())
		}
		for id := range rows {
			turns[id]++
		}
	}
	for _, id := range ids {
		if turns[id] < rounds*4/10-1 {
			t.Errorf("%s came %d times in %d batches of 4 of 10: %v", id, turns[id], rounds, turns)
		}
	}
}

// Cameras join and leave by their labels; a frame that no tensor can be made of leaves
// the others alone.
func TestBatchesFollowLabelsAndLeaveOut(t *testing.T) {
	h, cameras, tensors := newBatchHarness(t, "a", "b")
	b := h.batches(&frameportv1.StreamBatchesStart{LabelSelector: "model=cars", MaxWait: durationpb.New(0), Credits: proto.Int32(0)})
	spec := config.Camera{URL: "rtsp://192.0.2.1/c", Labels: map[string]string{"model": "cars"}}
	one := cameras.add("c", spec)
	b.grant(1)
	one.publish(frame.Drops{})
	if _, rows := b.next(); fmt.Sprint(rows) != "map[c:1]" {
		t.Errorf("%v", rows)
	}
	two := cameras.add("d", spec)
	two.publish(frame.Drops{})
	b.grant(1)
	if _, rows := b.next(); fmt.Sprint(rows) != "map[d:1]" {
		t.Errorf("%v", rows)
	}
	tensors.fail(2, errors.New("no such luck"))
	two.publish(frame.Drops{}) // 2, which fails
	one.publish(frame.Drops{}) // 2
	one.publish(frame.Drops{}) // 3
	b.grant(1)
	if _, rows := b.next(); fmt.Sprint(rows) != "map[c:3]" {
		t.Errorf("%v", rows)
	}
	if !strings.Contains(h.logs.String(), "no such luck") {
		t.Error("nobody was told of what was left out")
	}
}

func TestBadBatches(t *testing.T) {
	h, cameras, _ := newBatchHarness(t, "a")
	tensor := func(alter func(*frameportv1.TensorSpec)) *frameportv1.StreamBatchesStart {
		s := &frameportv1.TensorSpec{Width: 4, Height: 4}
		alter(s)
		return &frameportv1.StreamBatchesStart{Tensor: s}
	}
	nan := float32(math.NaN())
	for name, tc := range map[string]struct {
		start  *frameportv1.StreamBatchesStart
		code   codes.Code
		reason apierr.Reason
		field  string
		text   string
	}{
		"no size":     {tensor(func(s *frameportv1.TensorSpec) { s.Width = 0 }), codes.InvalidArgument, apierr.InvalidTensor, "start.tensor.width", "required"},
		"huge":        {tensor(func(s *frameportv1.TensorSpec) { s.Width, s.Height = 20000, 20000 }), codes.InvalidArgument, apierr.InvalidTensor, "start.tensor", "1 to 8192"},
		"mean NaN":    {tensor(func(s *frameportv1.TensorSpec) { s.Mean = []float32{nan} }), codes.InvalidArgument, apierr.InvalidTensor, "start.tensor", "mean NaN"},
		"std 0":       {tensor(func(s *frameportv1.TensorSpec) { s.Std = []float32{1, 0, 1} }), codes.InvalidArgument, apierr.InvalidTensor, "start.tensor", "channel 1"},
		"two means":   {tensor(func(s *frameportv1.TensorSpec) { s.Mean = []float32{1, 2} }), codes.InvalidArgument, apierr.InvalidTensor, "start.tensor.mean", "three channels"},
		"fit contain": {tensor(func(s *frameportv1.TensorSpec) { s.Fit = frameportv1.Fit_FIT_CONTAIN }), codes.InvalidArgument, apierr.InvalidTensor, "start.tensor.fit", "LETTERBOX"},
		"dtype":       {tensor(func(s *frameportv1.TensorSpec) { s.Dtype = 9 }), codes.InvalidArgument, apierr.InvalidTensor, "start.tensor.dtype", "FLOAT16"},
		"size":        {&frameportv1.StreamBatchesStart{MaxBatchSize: 257}, codes.InvalidArgument, apierr.InvalidBatch, "start.max_batch_size", "1 to 256"},
		"wait":        {&frameportv1.StreamBatchesStart{MaxWait: durationpb.New(time.Minute)}, codes.InvalidArgument, apierr.InvalidBatch, "start.max_wait", "10s"},
		"delivery":    {&frameportv1.StreamBatchesStart{Delivery: 9}, codes.InvalidArgument, apierr.InvalidDelivery, "start.delivery", "INLINE"},
		"no GPU":      {&frameportv1.StreamBatchesStart{Delivery: frameportv1.Delivery_DELIVERY_CUDA_IPC}, codes.FailedPrecondition, apierr.DeliveryUnavailable, "", "INLINE"},
		"credits":     {&frameportv1.StreamBatchesStart{Credits: proto.Int32(65)}, codes.InvalidArgument, apierr.InvalidCredits, "start.credits", "0 to 64"},
		"camera":      {&frameportv1.StreamBatchesStart{CameraIds: []string{"nobody"}}, codes.NotFound, apierr.CameraNotFound, "", "nobody"},
		"too large": {
			tensor(func(s *frameportv1.TensorSpec) { s.Width, s.Height = 640, 640 }), codes.ResourceExhausted, apierr.FrameTooLarge, "",
			"8 tensors of 4915200 bytes",
		},
		"too large for us": {
			&frameportv1.StreamBatchesStart{
				Tensor: &frameportv1.TensorSpec{Width: 1280, Height: 1280}, MaxBatchSize: 16, MaxMessageBytes: math.MaxInt32,
			}, codes.ResourceExhausted, apierr.FrameTooLarge, "", fmt.Sprint("this worker sends ", MaxResponseBytes),
		},
		"message limit": {&frameportv1.StreamBatchesStart{MaxMessageBytes: -1}, codes.InvalidArgument, apierr.InvalidMaxMessageBytes, "start.max_message_bytes", "is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.batches(tc.start).Recv()
			wantReason(t, err, tc.code, tc.reason)
			if err == nil || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v, want %q in it", err, tc.text)
			}
			if v := apierr.Violations(err); tc.field != "" && (len(v) == 0 || v[0].Field != tc.field) {
				t.Errorf("violations %v, want %s", v, tc.field)
			}
		})
	}
	for name, tc := range map[string]struct {
		second *frameportv1.StreamBatchesRequest
		reason apierr.Reason
	}{
		"second start": {&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{}}, apierr.StartRepeated},
		"ack":          {&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Ack{Ack: &frameportv1.LeaseAck{LeaseId: 7}}}, apierr.UnknownLease},
		"nothing":      {&frameportv1.StreamBatchesRequest{}, apierr.InvalidCredits},
		"too many":     {&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Credits{Credits: 64}}, apierr.InvalidCredits},
	} {
		t.Run(name, func(t *testing.T) {
			b := h.batches(&frameportv1.StreamBatchesStart{})
			if err := b.Send(tc.second); err != nil {
				t.Fatal(err)
			}
			_, err := b.Recv()
			wantReason(t, err, codes.InvalidArgument, tc.reason)
		})
	}
	first, err := h.frame.StreamBatches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Credits{Credits: 1}}); err != nil {
		t.Fatal(err)
	}
	_, err = first.Recv()
	wantReason(t, err, codes.InvalidArgument, apierr.StartRequired)
	// The last named camera's end is the stream's.
	b := h.batches(&frameportv1.StreamBatchesStart{CameraIds: []string{"a"}})
	cameras.camera("a").publish(frame.Drops{})
	b.next()
	if err := cameras.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	_, err = b.Recv()
	wantReason(t, err, codes.NotFound, apierr.CameraRemoved)
}
