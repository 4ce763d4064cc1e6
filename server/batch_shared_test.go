package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/convert/hostconv"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/internal/shm"
)

const shared = frameportv1.Delivery_DELIVERY_SHARED_MEMORY

// sharing is a server with shared memory.
type sharing struct {
	*harness
	cameras *fakeCameras
	tensors *fakeTensors
	folder  *shm.Folder
	expired atomic.Int64
}

func newSharing(t *testing.T, folder string, lease time.Duration, ids ...string) *sharing {
	t.Helper()
	return newSharingWith(t, folder, lease, func(*Config) {}, ids...)
}

func newSharingWith(t *testing.T, folder string, lease time.Duration, alter func(*Config), ids ...string) *sharing {
	t.Helper()
	f, err := shm.Open(folder, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the server's end
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &sharing{cameras: newFakeCameras(t, ids...), tensors: &fakeTensors{broken: map[uint64]error{}}, folder: f}
	s.harness = newHarness(t, s.cameras, newFakeRenderer(10), func(c *Config) {
		c.Tensors = s.tensors
		c.SharedMemory = SharedMemory{Folder: f, Lease: lease}
		c.Hooks.LeasesExpired = func(_ string, n int) { s.expired.Add(int64(n)) }
	}, alter)
	return s
}

func folderOf(t *testing.T) string { return filepath.Join(t.TempDir(), "s") }

func (s *sharing) publish(id string) uint64 {
	return s.cameras.camera(id).publish(frame.Drops{}).Sequence
}

// mapped is a stream of batches in shared memory, with its memory.
type mapped struct {
	batches
	region *frameportv1.SharedRegion
	memory []byte
}

// mapped opens a stream of batches in shared memory and maps it.
func (s *sharing) mapped(start *frameportv1.StreamBatchesStart) *mapped {
	s.t.Helper()
	start.Delivery = shared
	if start.MaxWait == nil {
		start.MaxWait = durationpb.New(0)
	}
	m := &mapped{batches: s.batches(start)}
	r, err := m.Recv()
	if err != nil {
		s.t.Fatal(err)
	}
	if m.region = r.GetRegion(); m.region == nil {
		s.t.Fatalf("the first message is %v", r)
	}
	f, err := os.Open(m.region.GetKey())
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	m.memory, err = syscall.Mmap(int(f.Fd()), 0, int(m.region.GetOffset()+m.region.GetByteSize()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := syscall.Munmap(m.memory); err != nil {
			s.t.Error(err)
		}
	})
	return m
}

func (m *mapped) ack(id uint64) {
	m.t.Helper()
	if err := m.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Ack{Ack: &frameportv1.LeaseAck{LeaseId: id}}}); err != nil {
		m.t.Fatal(err)
	}
}

// read returns a batch, and the frame that lies in its first row.
func (m *mapped) read() (*frameportv1.Batch, uint64) {
	m.t.Helper()
	r, err := m.Recv()
	if err != nil {
		m.t.Fatal(err)
	}
	b := r.GetBatch()
	at, n := b.GetShared(), len(b.GetEntries())
	each := int(b.GetShape()[1] * b.GetShape()[2] * b.GetShape()[3])
	slot := (at.GetOffset() - m.region.GetOffset()) / m.region.GetSlotStride()
	if at.GetRegion() != m.region.GetName() || int(at.GetByteSize()) != n*each || at.GetLeaseId() == 0 || len(b.GetData()) != 0 ||
		slot >= uint64(m.region.GetSlotCount()) || at.GetOffset() != m.region.GetOffset()+slot*m.region.GetSlotStride() ||
		at.GetByteSize() > m.region.GetSlotStride() || !at.GetExpireTime().AsTime().After(b.GetSentTime().AsTime()) {
		m.t.Fatalf("%d entries in %v of %v", n, at, m.region)
	}
	for i, e := range b.GetEntries() {
		if got := binary.LittleEndian.Uint64(m.memory[at.GetOffset()+uint64(i*each):]); got != e.GetSequence() {
			m.t.Errorf("row %d holds frame %d, its entry says %d", i, got, e.GetSequence())
		}
	}
	return b, b.GetEntries()[0].GetSequence()
}

func TestSharedBatches(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a", "b", "c")
	m := s.mapped(&frameportv1.StreamBatchesStart{Credits: proto.Int32(2), MaxWait: durationpb.New(config.MaxLease / 10)})
	want := &frameportv1.SharedRegion{
		Name: filepath.Base(m.region.GetKey()), Kind: frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY, Key: m.region.GetKey(),
		ByteSize: 2 * 4096, SlotCount: 2, SlotStride: 4096,
	}
	if !proto.Equal(m.region, want) || filepath.Dir(m.region.GetKey()) != s.folder.Path() {
		t.Errorf("%v", m.region)
	}
	s.tensors.fail(2, errors.New("no such luck"))
	publish := func() {
		for _, id := range []string{"a", "b", "c"} {
			s.publish(id)
		}
	}
	publish()
	one, _ := m.read()
	publish() // 2, of which nothing comes: as many failed as the stream has cameras
	_, err := m.Recv()
	wantReason(t, err, codes.Internal, apierr.RenderFailed)
	if len(one.GetEntries()) != 3 || one.GetShared().GetLeaseId() != 1 {
		t.Errorf("%v", one)
	}
	eventually(t, "the memory to be given back", func() bool { return s.folder.Bytes() == 0 })
	if _, err := os.Stat(m.region.GetKey()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file of a stream that has ended: %v", err)
	}
}

// Rows behind one that failed move up in the memory, too.
func TestSharedBatchesLeaveOut(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a", "b", "c")
	s.tensors.fail(2, errors.New("no such luck"))
	s.publish("a")
	s.publish("b")
	s.publish("a") // 2
	s.publish("c")
	m := s.mapped(&frameportv1.StreamBatchesStart{})
	if b, _ := m.read(); len(b.GetEntries()) != 2 { // read looks into the rows
		t.Errorf("%v", b.GetEntries())
	}
}

// A batch that comes to nothing keeps no slot.
func TestSharedBatchesOfNothing(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a", "b")
	s.tensors.fail(1, errors.New("no such luck"))
	m := s.mapped(&frameportv1.StreamBatchesStart{MaxBatchSize: 1}) // with one slot
	s.publish("a")
	eventually(t, "the log to say what was left out", func() bool { return strings.Contains(s.logs.String(), "no such luck") })
	s.publish("a")
	if b, seq := m.read(); seq != 2 || b.GetShared().GetLeaseId() != 1 {
		t.Errorf("frame %d, %v", seq, b.GetShared())
	}
}

// What was lent is not written to, what was acked is; then the newest frame goes. Nobody
// else waits meanwhile.
func TestSharedBatchesWaitForAcks(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	m := s.mapped(&frameportv1.StreamBatchesStart{Credits: proto.Int32(2)})
	other := s.one()
	s.publish("a")
	b1, _ := m.read()
	s.publish("a")
	b2, _ := m.read()
	if b1.GetShared().GetOffset() == b2.GetShared().GetOffset() {
		t.Fatal("two leases of one slot")
	}
	m.grant(2)
	var newest uint64
	for range 5 {
		newest = s.publish("a")
		other.grant(1)
		if _, rows := other.next(); rows["a"] != newest {
			t.Fatalf("another client got %v", rows)
		}
	}
	for i, b := range []*frameportv1.Batch{b1, b2} {
		if got := binary.LittleEndian.Uint64(m.memory[b.GetShared().GetOffset():]); got != uint64(i+1) {
			t.Errorf("a slot that is lent holds frame %d now", got)
		}
	}
	m.ack(b2.GetShared().GetLeaseId())
	b3, seq := m.read()
	if seq != newest || b3.GetShared().GetOffset() != b2.GetShared().GetOffset() || b3.GetEntries()[0].GetSkipped().GetSlowConsumer() != newest-3 {
		t.Errorf("frame %d of %d at %d: %v", seq, newest, b3.GetShared().GetOffset(), b3.GetEntries()[0].GetSkipped())
	}
	if s.expired.Load() != 0 {
		t.Error("a lease has expired")
	}
}

// A client that never acks waits for its leases to expire, each time, and that is counted.
func TestSharedBatchesNeverAcked(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MinLease, "a")
	m := s.mapped(&frameportv1.StreamBatchesStart{})
	s.publish("a")
	b, last := m.read()
	for n := int64(1); n <= 5; n++ {
		s.publish("a")
		m.grant(1)
		next, seq := m.read()
		if seq <= last || next.GetSentTime().AsTime().Before(b.GetShared().GetExpireTime().AsTime()) {
			t.Errorf("frame %d after %d was sent at %v, into a slot that was lent until %v", seq, last, next.GetSentTime().AsTime(), b.GetShared().GetExpireTime().AsTime())
		}
		if got := s.expired.Load(); got < n {
			t.Errorf("%d leases have expired, of %d", got, n)
		}
		b, last = next, seq
	}
	// A late ack is no error, a second one is.
	m.ack(1)
	m.ack(2)
	m.ack(1)
	_, err := m.Recv()
	wantReason(t, err, codes.InvalidArgument, apierr.UnknownLease)
	if !strings.Contains(fmt.Sprint(err), "lease_id: is 1") {
		t.Error(err)
	}
}

func TestSharedBatchesWrongAcks(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	s.publish("a")
	for name, acks := range map[string][]uint64{"zero": {0}, "to come": {2}, "twice": {1, 1}} {
		t.Run(name, func(t *testing.T) {
			m := s.mapped(&frameportv1.StreamBatchesStart{})
			m.read()
			for _, id := range acks {
				m.ack(id)
			}
			_, err := m.Recv()
			wantReason(t, err, codes.InvalidArgument, apierr.UnknownLease)
		})
	}
}

// A client that has closed its side can't ack, but may read what it was lent.
func TestSharedBatchesAfterCloseSend(t *testing.T) {
	s := newSharing(t, folderOf(t), 50*time.Millisecond, "a")
	m := s.mapped(&frameportv1.StreamBatchesStart{})
	if err := m.CloseSend(); err != nil {
		t.Fatal(err)
	}
	s.publish("a")
	b, _ := m.read()
	if _, err := m.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	if s.expired.Load() != 1 || time.Now().Before(b.GetShared().GetExpireTime().AsTime()) {
		t.Error("the stream ended before its lease")
	}
}

// holding makes tensors that wait, so that a stream ends while its memory is written.
type holding struct {
	started, leave chan struct{}
	wrote          chan error
}

func (h *holding) Tensor(_ context.Context, _ *frame.Frame, _ convert.Tensor, dst []byte) error {
	h.started <- struct{}{}
	<-h.leave
	for i := range dst {
		dst[i] = 1
	}
	h.wrote <- nil
	return nil
}

// The file is gone when the stream is, its memory when nobody writes to it any more.
func TestSharedBatchesEndWhileTheyAreMade(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	hold := &holding{make(chan struct{}), make(chan struct{}), make(chan error)}
	s.server.cfg.Tensors = hold
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := s.frame.StreamBatches(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: &frameportv1.StreamBatchesStart{
		Tensor: &frameportv1.TensorSpec{Width: 4, Height: 4}, Delivery: shared,
	}}}); err != nil {
		t.Fatal(err)
	}
	r, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	s.publish("a")
	<-hold.started
	cancel()
	eventually(t, "the file to be removed", func() bool {
		_, err := os.Stat(r.GetRegion().GetKey())
		return errors.Is(err, fs.ErrNotExist)
	})
	if s.folder.Bytes() == 0 {
		t.Error("the memory was given back while it is written")
	}
	close(hold.leave)
	<-hold.wrote
	eventually(t, "the memory to be given back", func() bool { return s.folder.Bytes() == 0 })
}

// shorten makes tensors in C, and each time before it begins does something to the file.
type shorten struct {
	*hostconv.Converter
	mu     sync.Mutex
	before func()
}

func (s *shorten) Tensor(ctx context.Context, src *frame.Frame, t convert.Tensor, dst []byte) error {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before()
	}
	return s.Converter.Tensor(ctx, src, t, dst)
}

// A file that is shortened or removed while C code writes tensors to it ends its stream,
// with an error that says so, and nothing else. The client begins again.
func TestSharedBatchesAreLost(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a", "b")
	tensors := &shorten{Converter: hostconv.New(hostconv.Config{})}
	defer tensors.Close()
	s.server.cfg.Tensors = tensors
	large := func() *frameportv1.StreamBatchesStart {
		return &frameportv1.StreamBatchesStart{Tensor: &frameportv1.TensorSpec{Width: 640, Height: 640}, MaxBatchSize: 2, Credits: proto.Int32(0)}
	}
	receive := func(m *mapped) error {
		s.publish("a")
		s.publish("b")
		m.grant(1)
		r, err := m.Recv()
		if err == nil {
			m.ack(r.GetBatch().GetShared().GetLeaseId())
		}
		return err
	}
	other := s.mapped(large())
	for name, harm := range map[string]func(path string) error{
		"shortened":               func(path string) error { return os.Truncate(path, 0) },
		"shortened in the middle": func(path string) error { return os.Truncate(path, 640*640*4) },
		"removed":                 func(path string) error { return os.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			m := s.mapped(large())
			if err := receive(m); err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			tensors.mu.Lock()
			tensors.before = func() {
				once.Do(func() {
					if err := harm(m.region.GetKey()); err != nil {
						t.Error(err)
					}
				})
			}
			tensors.mu.Unlock()
			err := receive(m)
			wantReason(t, err, codes.Aborted, apierr.SharedMemoryLost)
			if !strings.Contains(fmt.Sprint(err), m.region.GetKey()) {
				t.Error(err)
			}
			if err := receive(other); err != nil {
				t.Errorf("another stream: %v", err)
			}
			if err := receive(s.mapped(large())); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// While all slots are lent the stream sleeps.
func TestSharedBatchesDoNotSpin(t *testing.T) {
	cameras := newFakeCameras(t, "a")
	st := &batchStream{stream: stream{rota: newRota(0), credits: 1}, size: 1, shared: &sharedBatches{slotLeases: newSlotLeases(1, time.Hour)}}
	st.leases = st.shared.leases
	st.rota.set(map[string]Feed{"a": cameras.camera("a")})
	defer st.rota.close()
	now := time.Now()
	slot, _ := st.shared.take()
	_, end := st.shared.lend(slot, now)
	cameras.camera("a").publish(frame.Drops{})
	if st.pickBatch(now) != nil {
		t.Fatal("a batch without a slot")
	}
	if at, ok := st.next(false); !ok || !at.Equal(end) {
		t.Errorf("looks again at %v, %v; the lease ends at %v", at, ok, end)
	}
}
