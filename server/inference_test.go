package server

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/internal/kservetest"
	"github.com/frameport/frameport/internal/shm"
)

const inline = frameportv1.Delivery_DELIVERY_INLINE

// inferring is a server with an inference server beside it, whose model "means" takes the
// tensors of fakeTensors: the mean of the first channel is the frame's number by 16.
type inferring struct {
	*sharing
	models *kservetest.Server
	client frameportv1.InferenceServiceClient
}

// namesFolder is a folder on the file system of /dev/shm, which must be empty at the end.
func namesFolder(t *testing.T) string {
	t.Helper()
	if unix.Access(shm.Names, unix.W_OK) != nil {
		t.Skip(shm.Names + " can't be written to")
	}
	dir, err := os.MkdirTemp(shm.Names, "frameport-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "s")
}

func newInferring(t *testing.T, folder string, cfg kservetest.Config, ids ...string) *inferring {
	t.Helper()
	if cfg.Models == nil {
		cfg.Models = map[string]*kservetest.Model{"means": kservetest.Means(4, 4)}
	}
	models, address := kservetest.Start(t, cfg)
	client := inferenceClient(t, "first", address, 0)
	in := &inferring{sharing: newSharing(t, folder, config.MaxLease, ids...), models: models}
	in.server.cfg.InferenceServers = []*inference.Server{client}
	in.client = frameportv1.NewInferenceServiceClient(in)
	t.Cleanup(func() { // before the servers' ends
		eventually(t, "the inference server to unmap all", func() bool { return len(models.Regions()) == 0 })
		eventually(t, "the memory to be given back", func() bool { return in.folder.Bytes() == 0 && in.server.batchBytes.Load() == 0 })
	})
	return in
}

func inferenceClient(t *testing.T, name, address string, timeout time.Duration) *inference.Server {
	t.Helper()
	c, err := inference.New(inference.Config{Name: name, Address: address, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

type inferences struct {
	*inferring
	frameportv1.InferenceService_StreamInferencesClient
}

// infer opens a stream; what start leaves open is filled in.
func (in *inferring) infer(ctx context.Context, start *frameportv1.StreamInferencesStart) inferences {
	in.t.Helper()
	if start.Tensor == nil {
		start.Tensor = &frameportv1.TensorSpec{Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Width: 4, Height: 4}
	}
	if start.ModelName == "" {
		start.ModelName = "means"
	}
	if start.MaxWait == nil {
		start.MaxWait = durationpb.New(0)
	}
	stream, err := in.client.StreamInferences(ctx)
	if err != nil {
		in.t.Fatal(err)
	}
	if err := stream.Send(&frameportv1.StreamInferencesRequest{Request: &frameportv1.StreamInferencesRequest_Start{Start: start}}); err != nil {
		in.t.Fatal(err)
	}
	return inferences{in, stream}
}

func (in inferences) grant(n int32) {
	in.t.Helper()
	if err := in.Send(&frameportv1.StreamInferencesRequest{Request: &frameportv1.StreamInferencesRequest_Credits{Credits: n}}); err != nil {
		in.t.Fatal(err)
	}
}

// next returns an answer after looking whether it was made of the entries' frames.
func (in inferences) next() *frameportv1.Inference {
	in.t.Helper()
	r, err := in.Recv()
	if err != nil {
		in.t.Fatal(err)
	}
	i := r.GetInference()
	n := len(i.GetEntries())
	if i.GetModelName() != "means" || i.GetModelVersion() != "1" || len(i.GetOutputs()) != 2 || i.GetOutputs()[0].GetName() != "mean" ||
		!slices.Equal(i.GetOutputs()[0].GetShape(), []int64{int64(n), 3}) || i.GetOutputs()[0].GetDatatype() != "FP32" {
		in.t.Fatalf("%v", i)
	}
	for row, e := range i.GetEntries() {
		got := math.Float32frombits(binary.LittleEndian.Uint32(i.GetOutputs()[0].GetData()[12*row:]))
		if got != float32(e.GetSequence())/16 {
			in.t.Errorf("row %d is %v, made of another frame than number %d", row, got, e.GetSequence())
		}
	}
	if a, b, c := i.GetRequestTime().AsTime(), i.GetResponseTime().AsTime(), i.GetSentTime().AsTime(); b.Before(a) || c.Before(b) {
		in.t.Errorf("times %v, %v, %v", a, b, c)
	}
	return i
}

func (in *inferring) noNames() {
	in.t.Helper()
	entries, err := os.ReadDir(shm.Names)
	if err != nil {
		in.t.Fatal(err)
	}
	for _, r := range in.models.Regions() {
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == r }) {
			in.t.Errorf("%s can still be opened by its name", r)
		}
	}
}

func TestInferences(t *testing.T) {
	for name, delivery := range map[string]frameportv1.Delivery{"unset": 0, "shared": shared, "inline": inline} {
		t.Run(name, func(t *testing.T) {
			in := newInferring(t, namesFolder(t), kservetest.Config{}, "a", "b")
			s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Delivery: delivery, MaxWait: durationpb.New(10 * time.Second), MaxBatchSize: 2})
			for n := range uint64(5) {
				in.publish("a")
				in.publish("b")
				i := s.next()
				if len(i.GetEntries()) != 2 || i.GetInferenceNumber() != n+1 {
					t.Fatalf("%v", i)
				}
				in.noNames()
				s.grant(1)
			}
			for _, r := range in.models.Requests() {
				if want := 2 * 48; delivery == inline && (r.Inline != want || r.Region != "") || delivery != inline && (r.Inline != 0 || r.Region == "") {
					t.Errorf("%+v", r)
				}
			}
			if n := len(in.models.Regions()); delivery == inline && n != 0 || delivery != inline && n != 1 {
				t.Errorf("%d regions", n)
			}
		})
	}
}

// deviceMemory is memory of fakeDevice as the inference server has it.
type deviceMemory []byte

func (m deviceMemory) Read(offset, size int64) ([]byte, error) { return m[offset:][:size], nil }
func (deviceMemory) Close() error                              { return nil }

// Memory of a GPU goes to the inference server by its handle.
func TestInferencesOnDevice(t *testing.T) {
	device := &fakeDevice{}
	in := newInferring(t, folderOf(t), kservetest.Config{Device: func(handle []byte, n int64) (kservetest.Device, error) {
		r := device.last()
		if n != 1 || string(handle) != string(r.region.Handle) {
			return nil, errors.New("another handle")
		}
		return deviceMemory(r.memory), nil
	}}, "a")
	device.tensors = in.tensors
	in.server.cfg.DeviceBatches = device
	ctx, cancel := context.WithCancel(t.Context())
	s := in.infer(ctx, &frameportv1.StreamInferencesStart{Delivery: ipc, Credits: proto.Int32(2)})
	for range 5 {
		in.publish("a")
		s.next()
		s.grant(1)
	}
	if r := in.models.Requests()[0]; r.Region != device.last().region.Name || r.Inline != 0 {
		t.Errorf("%+v", r)
	}
	cancel()
	eventually(t, "the memory to be given back", func() bool { return device.closed.Load() == 1 })
	if left := in.models.Regions(); len(left) != 0 {
		t.Errorf("given back before the inference server had closed %v", left)
	}
}

// held lets a test answer requests one by one.
type held struct {
	ctx     context.Context //nolint:containedctx // of the request, for the test to look at
	request kservetest.Request
	answer  chan error
}

func answering(requests chan held) func(context.Context, kservetest.Request) error {
	return func(ctx context.Context, r kservetest.Request) error {
		h := held{ctx, r, make(chan error, 1)}
		select {
		case requests <- h:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-h.answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// While one batch is with the inference server the next is made, as many as there are
// slots; answers come in order, and a slot is used again when its answer has come.
func TestInferencesArePipelined(t *testing.T) {
	t.Run("shared", func(t *testing.T) { testPipeline(t, shared) })
	t.Run("inline", func(t *testing.T) { testPipeline(t, inline) })
}

func testPipeline(t *testing.T, delivery frameportv1.Delivery) {
	requests := make(chan held)
	in := newInferring(t, namesFolder(t), kservetest.Config{Before: answering(requests)}, "a")
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Delivery: delivery, Credits: proto.Int32(2)})
	in.publish("a")
	first := <-requests
	in.publish("a")
	second := <-requests
	if delivery != inline && first.request.Offset == second.request.Offset {
		t.Fatal("one slot for two batches")
	}
	s.grant(1) // a credit without a slot
	in.publish("a")
	in.publish("a")
	for range 3 { // time in which a third request would come
		b := in.batches(&frameportv1.StreamBatchesStart{CameraIds: []string{"a"}})
		b.next()
	}
	if n := len(in.models.Requests()); n != 2 {
		t.Errorf("%d requests in two slots", n)
	}
	second.answer <- nil
	first.answer <- nil
	third := <-requests
	if delivery != inline && third.request.Offset != first.request.Offset && third.request.Offset != second.request.Offset {
		t.Error("a third slot")
	}
	third.answer <- nil
	for n, sequence := range []uint64{1, 2, 4} {
		if i := s.next(); i.GetInferenceNumber() != uint64(n+1) || i.GetEntries()[0].GetSequence() != sequence {
			t.Errorf("answer %d is of frame %d, want %d", i.GetInferenceNumber(), i.GetEntries()[0].GetSequence(), sequence)
		}
	}
}

// A client that has closed its side gets what is under way.
func TestInferencesAfterCloseSend(t *testing.T) {
	requests := make(chan held)
	in := newInferring(t, namesFolder(t), kservetest.Config{Before: answering(requests)}, "a")
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{})
	in.publish("a")
	first := <-requests
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	in.publish("a")
	first.answer <- nil
	s.next()
	if _, err := s.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// Requests end with the client, and at shutdown.
func TestInferencesEndWhileTheyAreMade(t *testing.T) {
	requests := make(chan held)
	in := newInferring(t, namesFolder(t), kservetest.Config{Before: answering(requests)}, "a")
	ctx, cancel := context.WithCancel(t.Context())
	in.infer(ctx, &frameportv1.StreamInferencesStart{})
	in.publish("a")
	h := <-requests
	cancel()
	<-h.ctx.Done()
	eventually(t, "the inference server to unmap all", func() bool { return len(in.models.Regions()) == 0 })

	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{})
	h = <-requests
	if err := in.stop(); err != nil {
		t.Error(err)
	}
	<-h.ctx.Done()
	_, err := s.Recv()
	wantReason(t, err, codes.Unavailable, apierr.ShuttingDown)
	if left := in.models.Regions(); len(left) != 0 {
		t.Errorf("the worker ended before %v", left)
	}
}

// A shutdown does not wait for an inference server that says nothing of its models.
func TestShutdownWhileAModelIsAskedFor(t *testing.T) {
	in := newInferring(t, folderOf(t), kservetest.Config{}, "a")
	asked, release := make(chan struct{}), make(chan struct{})
	silent := silentServer(t, asked, release)
	in.server.cfg.InferenceServers = []*inference.Server{inferenceClient(t, "silent", silent, time.Hour)}
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Delivery: inline})
	<-asked
	if err := in.stop(); err != nil {
		t.Error(err)
	}
	_, err := s.Recv()
	wantReason(t, err, codes.Unavailable, apierr.ShuttingDown)
	close(release)
}

// silentServer takes a connection and says nothing.
func silentServer(t *testing.T, asked chan<- struct{}, release <-chan struct{}) (address string) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		close(asked)
		<-release
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// An inference server that was restarted is told of the memory again, and the client
// notices nothing.
func TestInferencesOfARestartedServer(t *testing.T) {
	in := newInferring(t, namesFolder(t), kservetest.Config{}, "a")
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{})
	for range 3 {
		in.publish("a")
		s.next()
		if err := in.models.Forget(); err != nil {
			t.Fatal(err)
		}
		s.grant(1)
	}
	if n := in.models.Registered(); n != 3 {
		t.Errorf("registered %d times", n)
	}
	in.noNames()
	in.publish("a") // so that what is left is unmapped
	s.next()
}

// An inference server that does not answer costs its stream only, after a while; the
// cameras' frames go to others as before.
func TestInferencesOfASlowServer(t *testing.T) {
	in := newInferring(t, folderOf(t), kservetest.Config{}, "a")
	var slow atomic.Bool
	_, address := kservetest.Start(t, kservetest.Config{
		Models: map[string]*kservetest.Model{"means": kservetest.Means(4, 4)},
		Before: func(ctx context.Context, _ kservetest.Request) error {
			slow.Store(true)
			<-ctx.Done()
			return ctx.Err()
		},
	})
	in.server.cfg.InferenceServers = []*inference.Server{inferenceClient(t, "slow", address, 2*time.Second)}
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Delivery: inline})
	in.publish("a")
	eventually(t, "a request", slow.Load)
	for range 3 {
		b := in.batches(&frameportv1.StreamBatchesStart{})
		in.publish("a")
		b.next()
	}
	_, err := s.Recv()
	wantReason(t, err, codes.Unavailable, apierr.InferenceServerUnavailable)
}

// More credits than can be outstanding are refused, those that wait for an answer counted.
func TestInferencesCredits(t *testing.T) {
	requests := make(chan held)
	in := newInferring(t, namesFolder(t), kservetest.Config{Before: answering(requests)}, "a")
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Credits: proto.Int32(1)})
	in.publish("a")
	<-requests
	s.grant(64)
	_, err := s.Recv()
	wantReason(t, err, codes.InvalidArgument, apierr.InvalidCredits)
}

// A client that does not read holds up its own stream only, and not for long.
func TestInferencesOfASlowClient(t *testing.T) {
	big := kservetest.Means(4, 4)
	big.Outputs = []kservetest.Tensor{{Name: "o", Datatype: "UINT8", Shape: []int64{-1}}}
	big.Run = func([]int64, []byte) ([]kservetest.Result, error) {
		return []kservetest.Result{{Shape: []int64{3 << 20}, Raw: make([]byte, 3<<20)}}, nil
	}
	in := newInferring(t, folderOf(t), kservetest.Config{Models: map[string]*kservetest.Model{"means": big}}, "a")
	in.server.cfg.SlowConsumer = 100 * time.Millisecond
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Delivery: inline, Credits: proto.Int32(8)})
	eventually(t, "the client to be cut", func() bool {
		in.publish("a")
		return in.slow.Load() == 1
	})
	var err error
	for err == nil {
		_, err = s.Recv()
	}
	wantReason(t, err, codes.ResourceExhausted, apierr.SlowConsumer)
	if n := len(in.models.Requests()); n > 8 {
		t.Errorf("%d requests for 8 credits", n)
	}
}
