package server

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/render"
)

// fail makes the tensor of every frame with this sequence number fail.
func (f *fakeTensors) fail(sequence uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken[sequence] = err
}

// one opens a stream whose batches hold one frame, without a credit.
func (h *harness) one() batches {
	h.t.Helper()
	return h.batches(&frameportv1.StreamBatchesStart{MaxBatchSize: 1, MaxWait: durationpb.New(0), Credits: proto.Int32(0)})
}

// A batch that came to nothing costs no credit, and its frame counts as skipped.
func TestBatchesGoOnWithoutABrokenCamera(t *testing.T) {
	h, cameras, tensors := newBatchHarness(t, "a", "b", "c")
	tensors.fail(2, errors.New("no such luck"))
	b := h.one()
	cameras.camera("a").publish(frame.Drops{})
	b.grant(1)
	b.next() // 1
	cameras.camera("a").publish(frame.Drops{})
	b.grant(1)
	eventually(t, "the log to say what was left out", func() bool { return strings.Contains(h.logs.String(), "no such luck") })
	cameras.camera("a").publish(frame.Drops{})
	m, rows := b.next()
	if s := m.GetEntries()[0].GetSkipped(); fmt.Sprint(rows) != "map[a:3]" || m.GetBatchNumber() != 2 || s.GetDecode() != 1 || s.GetSlowConsumer() != 0 {
		t.Errorf("%v, skipped %v", rows, s)
	}
	cameras.camera("a").publish(frame.Drops{})
	b.grant(1)
	if m, _ := b.next(); !proto.Equal(m.GetEntries()[0].GetSkipped(), &frameportv1.Skipped{}) {
		t.Errorf("counted twice: %v", m.GetEntries())
	}
}

// What is told when nothing comes of any frame: not the stack of a panic, and of a lost
// GPU that the worker ends.
func TestBatchesThatComeToNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		code   codes.Code
		reason apierr.Reason
		text   string
	}{
		"error": {errors.New("no such luck"), codes.Internal, apierr.RenderFailed, "no such luck"},
		"panic": {fmt.Errorf("%w: index\ngoroutine 1 [running]", render.ErrPanic), codes.Internal, apierr.InternalError, "log"},
		"loss":  {fmt.Errorf("launch: %w", gpu.ErrDeviceLost), codes.Unavailable, apierr.ShuttingDown, "another"},
	} {
		t.Run(name, func(t *testing.T) {
			h, cameras, tensors := newBatchHarness(t, "a")
			tensors.fail(1, tc.err)
			cameras.camera("a").publish(frame.Drops{})
			b := h.one()
			b.grant(1)
			_, err := b.Recv()
			wantReason(t, err, tc.code, tc.reason)
			if text := fmt.Sprint(err); !strings.Contains(text, tc.text) || strings.Contains(text, "goroutine") {
				t.Error(text)
			}
		})
	}
}

// Every frame in a batch counts as sent, with its share of the bytes.
func TestBatchesCountFrames(t *testing.T) {
	var frames, bytes atomic.Int64
	cameras := newFakeCameras(t, "a", "b")
	h := newHarness(t, cameras, newFakeRenderer(10), func(c *Config) {
		c.Tensors = &fakeTensors{}
		c.Hooks.FrameSent = func(_ string, n int) { bytes.Add(int64(n)); frames.Add(1) }
	})
	for _, id := range []string{"a", "b"} {
		cameras.camera(id).publish(frame.Drops{})
	}
	h.batches(&frameportv1.StreamBatchesStart{}).next()
	eventually(t, "two frames of 4x4 bytes in three channels to be counted", func() bool { return frames.Load() == 2 && bytes.Load() == 2*48 })
}

// Open streams can't be promised more memory than the worker has for all of them.
func TestBatchesOfAllStreamsAreBounded(t *testing.T) {
	h, cameras, _ := newBatchHarness(t, "a")
	large := func() batches {
		return h.batches(&frameportv1.StreamBatchesStart{
			Tensor:       &frameportv1.TensorSpec{Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Width: 2048, Height: 2048},
			MaxBatchSize: 5, Credits: proto.Int32(0), MaxMessageBytes: MaxResponseBytes,
		})
	}
	const each = 5 * 3 * 2048 * 2048
	var open []batches
	held := func(n int) func() bool { return func() bool { return h.server.batchBytes.Load() == int64(n*each) } }
	for n := range maxBatchBytes / each {
		open = append(open, large())
		eventually(t, "the stream to be counted", held(n+1))
	}
	_, err := large().Recv()
	wantReason(t, err, codes.ResourceExhausted, apierr.TooManyStreams)
	if m := apierr.Metadata(err); m[apierr.MetaLimitBytes] != fmt.Sprint(maxBatchBytes) || m[apierr.MetaRequiredBytes] != fmt.Sprint((len(open)+1)*each) {
		t.Errorf("%v, %v", err, m)
	}
	// There is room for smaller ones, and for another one of these when one has ended.
	small := h.one()
	small.grant(1)
	cameras.camera("a").publish(frame.Drops{})
	small.next()
	if err := open[0].CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := open[0].Recv(); err == nil {
		t.Error("a batch without a credit")
	}
	eventually(t, "room", func() bool { return h.server.batchBytes.Load() < maxBatchBytes-each })
	large()
	eventually(t, "another one to be counted", func() bool { return h.server.batchBytes.Load() > maxBatchBytes-each })
}

// While a batch waits for more, cameras that publish all the time do not make it look at
// all of them each time.
func TestBatchesDoNotLookAllTheTime(t *testing.T) {
	const n = 100
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("c%d", i))
	}
	cameras := newFakeCameras(t, ids...)
	st := &batchStream{stream: stream{rota: newRota(0), credits: 1}, size: n, maxWait: time.Hour, pool: newTensorPool()}
	feeds := map[string]Feed{}
	for _, id := range ids {
		feeds[id] = cameras.camera(id)
	}
	st.rota.set(feeds)
	defer st.rota.close()
	now := time.Now()
	publish := func(id string) {
		cameras.camera(id).publish(frame.Drops{})
		<-st.rota.published
		st.rota.look = true
	}
	publish("c0")
	if st.pickBatch(now) != nil || st.rota.look {
		t.Fatal("the first frame is not looked at")
	}
	publish("c1")
	if at, ok := st.dueBatch(); st.pickBatch(now.Add(lookCost)) != nil || !st.rota.look || !ok || !at.Equal(now.Add(n*lookCost)) {
		t.Errorf("looked again at once, or not in time: %v", at.Sub(now))
	}
	if now = now.Add(n * lookCost); st.pickBatch(now) != nil || st.rota.look {
		t.Error("not looked again")
	}
	for _, id := range ids[2:] {
		publish(id)
	}
	at, _ := st.dueBatch()
	work := st.pickBatch(at)
	if work == nil {
		t.Fatal("a full batch waits")
	}
	for _, rd := range st.rota.order {
		if !rd.taken {
			t.Errorf("%s is not in it", rd.id)
		}
	}
	st.Server = &Server{cfg: Config{Tensors: &fakeTensors{}}}
	st.tensor = convert.Tensor{
		Type: convert.TensorUint8, Layout: convert.TensorNCHW, Width: 4, Height: 4, Fit: convert.FitStretch,
		Scale: [3]float32{1, 1, 1}, Std: [3]float32{1, 1, 1},
	}
	if m, err := work(t.Context()); err != nil || m.frames != n { // releases the frames
		t.Errorf("%d frames, %v", m.frames, err)
	}
}
