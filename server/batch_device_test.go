package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
)

const ipc = frameportv1.Delivery_DELIVERY_CUDA_IPC

// fakeDevice is a GPU whose memory is here.
type fakeDevice struct {
	tensors *fakeTensors
	refuse  error // of Create
	closed  atomic.Int64
	before  func() // each Write

	mu      sync.Mutex
	near    int // frames that the last Create was shown
	regions []*fakeRegion
}

func (d *fakeDevice) Create(_ context.Context, slots int, stride int64, near iter.Seq[*frame.Frame]) (DeviceRegion, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.near = 0
	for f := range near {
		if f.Width > 0 {
			d.near++
		}
	}
	if d.refuse != nil {
		return nil, d.refuse
	}
	r := &fakeRegion{device: d, memory: make([]byte, int64(slots)*stride), region: &frame.Region{
		Name: fmt.Sprintf("cuda-%d", len(d.regions)), Handle: bytes.Repeat([]byte{7}, 64), Device: 1, UUID: "GPU-fake",
		Bytes: int64(slots) * stride, Slots: slots, Stride: stride,
	}}
	d.regions = append(d.regions, r)
	return r, nil
}

func (d *fakeDevice) last() *fakeRegion {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.regions[len(d.regions)-1]
}

type fakeRegion struct {
	device  *fakeDevice
	region  *frame.Region
	memory  []byte
	writing atomic.Bool
}

func (r *fakeRegion) Region() *frame.Region { return r.region }

func (r *fakeRegion) Write(ctx context.Context, offset int64, frames []*frame.Frame, t convert.Tensor) []error {
	if r.writing.Swap(true) {
		panic("two writes at a time")
	}
	defer r.writing.Store(false)
	if r.device.before != nil {
		r.device.before()
	}
	errs := make([]error, len(frames))
	dst := r.memory[offset:]
	for i, f := range frames {
		if errs[i] = r.device.tensors.Tensor(ctx, f, t, dst[:t.Bytes()]); errs[i] == nil {
			dst = dst[t.Bytes():]
		}
	}
	return errs
}

func (r *fakeRegion) Close() error {
	if r.writing.Load() {
		panic("closed while it is written")
	}
	r.device.closed.Add(1)
	return nil
}

// onDevice is a server with a GPU.
type onDevice struct {
	*sharing
	device *fakeDevice
}

func newOnDevice(t *testing.T, lease time.Duration, ids ...string) *onDevice {
	t.Helper()
	tensors := &fakeTensors{broken: map[uint64]error{}}
	d := &onDevice{&sharing{cameras: newFakeCameras(t, ids...), tensors: tensors}, &fakeDevice{tensors: tensors}}
	d.harness = newHarness(t, d.cameras, newFakeRenderer(10), func(c *Config) {
		c.Tensors, c.DeviceBatches, c.SharedMemory.Lease = tensors, d.device, lease
		c.Hooks.LeasesExpired = func(_ string, n int) { d.expired.Add(int64(n)) }
	})
	return d
}

// opened is a stream of batches in memory of the GPU.
func (d *onDevice) opened(start *frameportv1.StreamBatchesStart) *mapped {
	d.t.Helper()
	start.Delivery = ipc
	m := &mapped{batches: d.batches(start)}
	r, err := m.Recv()
	if err != nil {
		d.t.Fatal(err)
	}
	if m.region = r.GetRegion(); m.region == nil {
		d.t.Fatalf("the first message is %v", r)
	}
	m.memory = d.device.last().memory
	return m
}

func (d *onDevice) givenBack(n int64) {
	d.t.Helper()
	eventually(d.t, "the memory to be given back", func() bool { return d.device.closed.Load() == n })
}

func TestDeviceBatches(t *testing.T) {
	d := newOnDevice(t, config.MaxLease, "a", "b", "c")
	d.publish("a")
	d.publish("c")
	m := d.opened(&frameportv1.StreamBatchesStart{Credits: proto.Int32(2)})
	want := &frameportv1.SharedRegion{
		Name: "cuda-0", Kind: frameportv1.RegionKind_REGION_KIND_CUDA_IPC, RawHandle: bytes.Repeat([]byte{7}, 64),
		DeviceId: 1, DeviceUuid: "GPU-fake", ByteSize: 2 * 4096, SlotCount: 2, SlotStride: 4096,
	}
	if !proto.Equal(m.region, want) {
		t.Errorf("%v", m.region)
	}
	if d.device.near != 2 {
		t.Errorf("the GPU was chosen by %d frames, two cameras have one", d.device.near)
	}
	one, _ := m.read()
	d.publish("b")
	two, _ := m.read()
	if len(one.GetEntries()) != 2 || len(two.GetEntries()) != 1 || one.GetShared().GetOffset() == two.GetShared().GetOffset() {
		t.Errorf("%v, %v", one, two)
	}
	// Both slots are lent: the third batch waits for an ack, and takes that slot.
	m.grant(1)
	newest := d.publish("b")
	m.ack(two.GetShared().GetLeaseId())
	if three, seq := m.read(); seq != newest || three.GetShared().GetOffset() != two.GetShared().GetOffset() {
		t.Errorf("frame %d, %v", seq, three)
	}
	// Named cameras only choose the GPU.
	d.opened(&frameportv1.StreamBatchesStart{CameraIds: []string{"c"}})
	if d.device.near != 1 {
		t.Errorf("the GPU was chosen by %d frames, of one camera", d.device.near)
	}
	m.ack(99)
	_, err := m.Recv()
	wantReason(t, err, codes.InvalidArgument, apierr.UnknownLease)
	d.givenBack(1)
}

// Rows behind one that failed close up.
func TestDeviceBatchesLeaveOut(t *testing.T) {
	d := newOnDevice(t, config.MaxLease, "a", "b", "c")
	d.tensors.fail(2, errors.New("no such luck"))
	d.publish("a")
	d.publish("b")
	d.publish("a") // 2
	d.publish("c")
	m := d.opened(&frameportv1.StreamBatchesStart{})
	b, _ := m.read() // looks into the rows
	if len(b.GetEntries()) != 2 || slices.ContainsFunc(b.GetEntries(), func(e *frameportv1.BatchEntry) bool { return e.GetCameraId() == "a" }) {
		t.Errorf("%v", b.GetEntries())
	}
}

// A batch that comes to nothing keeps no slot.
func TestDeviceBatchesOfNothing(t *testing.T) {
	d := newOnDevice(t, config.MaxLease, "a", "b")
	d.tensors.fail(1, errors.New("no such luck"))
	m := d.opened(&frameportv1.StreamBatchesStart{MaxBatchSize: 1}) // with one slot
	d.publish("a")
	eventually(t, "the log to say what was left out", func() bool { return strings.Contains(d.logs.String(), "no such luck") })
	d.publish("a")
	if b, seq := m.read(); seq != 2 || b.GetShared().GetLeaseId() != 1 || b.GetEntries()[0].GetSkipped().GetDecode() != 1 {
		t.Errorf("frame %d, %v", seq, b)
	}
}

// A reader that never acks, as a killed one's proxy, gets the next batch when its lease is
// over.
func TestDeviceBatchesExpire(t *testing.T) {
	d := newOnDevice(t, config.MinLease, "a")
	m := d.opened(&frameportv1.StreamBatchesStart{})
	d.publish("a")
	b, _ := m.read()
	d.publish("a")
	m.grant(1)
	next, seq := m.read()
	if seq != 2 || next.GetSentTime().AsTime().Before(b.GetShared().GetExpireTime().AsTime()) || d.expired.Load() < 1 {
		t.Errorf("frame %d was sent at %v, into a slot that was lent until %v", seq, next.GetSentTime().AsTime(), b.GetShared().GetExpireTime().AsTime())
	}
}

// The memory is given back when the stream has ended and nothing writes to it any more.
func TestDeviceBatchesEndWhileTheyAreMade(t *testing.T) {
	d := newOnDevice(t, config.MaxLease, "a")
	started, leave := make(chan struct{}), make(chan struct{})
	d.device.before = func() {
		close(started)
		<-leave
	}
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := d.frame.StreamBatches(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: &frameportv1.StreamBatchesStart{
		Tensor: &frameportv1.TensorSpec{Width: 4, Height: 4}, Delivery: ipc,
	}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	d.publish("a")
	<-started
	cancel()
	if _, err := stream.Recv(); err == nil {
		t.Error("a batch of a stream that was called off")
	}
	eventually(t, "the call to end", d.ended)
	if d.device.closed.Load() != 0 {
		t.Error("the memory was given back while it is written")
	}
	close(leave)
	d.givenBack(1)
}

// ended says whether the server has no camera's watcher any more, as streams have.
func (d *onDevice) ended() bool {
	d.cameras.mu.Lock()
	defer d.cameras.mu.Unlock()
	return len(d.cameras.watchers) == 0
}

func TestDeviceBatchesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		code   codes.Code
		reason apierr.Reason
		text   string
	}{
		"no room": {fmt.Errorf("%w: 3 MiB are left", gpu.ErrOutOfMemory), codes.ResourceExhausted, apierr.OutOfDeviceMemory, "3 MiB are left; end streams that are not needed, grant fewer credits"},
		"no ipc":  {fmt.Errorf("%w: no IPC here", gpu.ErrUnsupported), codes.FailedPrecondition, apierr.DeliveryUnavailable, "no IPC here; use SHARED_MEMORY or INLINE"},
		"lost":    {fmt.Errorf("alloc: %w", gpu.ErrDeviceLost), codes.Unavailable, apierr.ShuttingDown, "another"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newOnDevice(t, config.MaxLease, "a")
			d.device.refuse = tc.err
			_, err := d.batches(&frameportv1.StreamBatchesStart{Delivery: ipc}).Recv()
			wantReason(t, err, tc.code, tc.reason)
			if !strings.Contains(fmt.Sprint(err), tc.text) {
				t.Error(err)
			}
		})
	}
	d := newOnDevice(t, config.MaxLease, "a")
	// Tensors are not in the message, but entries are.
	_, err := d.batches(&frameportv1.StreamBatchesStart{Delivery: ipc, MaxBatchSize: 256, MaxMessageBytes: 1000}).Recv()
	wantReason(t, err, codes.ResourceExhausted, apierr.FrameTooLarge)
	if _, err := d.batches(&frameportv1.StreamBatchesStart{Delivery: ipc, CameraIds: []string{"nobody"}}).first(); err == nil {
		t.Error("batches of nobody")
	} else {
		wantReason(t, err, codes.NotFound, apierr.CameraNotFound)
	}
	d.givenBack(1)
}

// first returns the first batch, or why there is none.
func (b batches) first() (*frameportv1.Batch, error) {
	for {
		r, err := b.Recv()
		if err != nil || r.GetBatch() != nil {
			return r.GetBatch(), err
		}
	}
}

// A GPU that is lost ends the stream with a status that sends the client elsewhere.
func TestDeviceBatchesOfALostGPU(t *testing.T) {
	d := newOnDevice(t, config.MaxLease, "a")
	d.tensors.fail(1, fmt.Errorf("launch: %w", gpu.ErrDeviceLost))
	m := d.opened(&frameportv1.StreamBatchesStart{})
	d.publish("a")
	_, err := m.Recv()
	wantReason(t, err, codes.Unavailable, apierr.ShuttingDown)
	d.givenBack(1)
}

// A panic ends its stream, and releases what it held.
func TestDeviceBatchesPanic(t *testing.T) {
	d := newOnDevice(t, config.MaxLease, "a")
	d.device.before = func() { panic("out of range") }
	m := d.opened(&frameportv1.StreamBatchesStart{})
	d.publish("a")
	_, err := m.Recv()
	wantReason(t, err, codes.Internal, apierr.InternalError)
	d.givenBack(1)
}

// The handle gives write access: it is for the same clients as files of shared memory.
func TestDeviceBatchesAreForThisMachine(t *testing.T) {
	d := newOnDevice(t, config.MaxLease, "a")
	far := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}})
	near := peer.NewContext(t.Context(), &peer.Peer{Addr: socketAddr("unix:")})
	err := d.server.deviceOffered(far)
	wantReason(t, err, codes.FailedPrecondition, apierr.DeliveryUnavailable)
	if !strings.Contains(fmt.Sprint(err), "--shm-remote") {
		t.Error(err)
	}
	if err := d.server.deviceOffered(near); err != nil {
		t.Error(err)
	}
	if d.server.deviceOffered(t.Context()) == nil {
		t.Error("offered to nobody knows whom")
	}
	d.server.cfg.SharedMemory.Remote = true
	if err := d.server.deviceOffered(far); err != nil {
		t.Errorf("refused though it is allowed: %v", err)
	}
}

// A client that closes its side may read what it was lent, and the stream ends then.
func TestDeviceBatchesAfterCloseSend(t *testing.T) {
	d := newOnDevice(t, config.MinLease, "a")
	m := d.opened(&frameportv1.StreamBatchesStart{})
	if err := m.CloseSend(); err != nil {
		t.Fatal(err)
	}
	d.publish("a")
	m.read()
	if _, err := m.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	d.givenBack(1)
}
