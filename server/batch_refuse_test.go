package server

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
)

func TestSharedMemoryIsRefused(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	wide := func(side, batch, credits int32) *frameportv1.StreamBatchesStart {
		return &frameportv1.StreamBatchesStart{
			Tensor: &frameportv1.TensorSpec{Width: side, Height: side}, MaxBatchSize: batch, Credits: proto.Int32(credits), Delivery: shared,
		}
	}
	// 640 x 640 floats have 4.9 MB: six slots of them are within half of 64 MiB, seven are not.
	_, err := s.batches(wide(640, 1, 7)).Recv()
	wantReason(t, err, codes.ResourceExhausted, apierr.FrameTooLarge)
	if m := apierr.Metadata(err); m[apierr.MetaLimitBytes] != fmt.Sprint(32<<20) || m[apierr.MetaRequiredBytes] != fmt.Sprint(7*4915200) {
		t.Errorf("%v, %v", m, err)
	}
	first, second := s.mapped(wide(640, 1, 6)), s.mapped(wide(640, 1, 6))
	_, err = s.batches(wide(640, 1, 6)).Recv()
	wantReason(t, err, codes.ResourceExhausted, apierr.OutOfSharedMemory)
	if err := first.CloseSend(); err != nil { // with six credits
		t.Fatal(err)
	}
	if second.region.GetSlotCount() != 6 {
		t.Errorf("%v", second.region)
	}
	// Without a credit at the start there is one slot.
	if m := s.mapped(wide(64, 1, 0)); m.region.GetSlotCount() != 1 {
		t.Errorf("%v", m.region)
	}
	small := wide(64, 256, 1)
	small.MaxMessageBytes = 1000 // even without tensors
	_, err = s.batches(small).Recv()
	wantReason(t, err, codes.ResourceExhausted, apierr.FrameTooLarge)

	// A folder that is gone and can't be made again.
	if err := os.RemoveAll(filepath.Dir(s.folder.Path())); err != nil {
		t.Fatal(err)
	}
	_, err = s.batches(wide(64, 1, 1)).Recv()
	wantReason(t, err, codes.FailedPrecondition, apierr.DeliveryUnavailable)

	off, _, _ := newBatchHarness(t, "a")
	off.server.cfg.SharedMemory.Reason = "no such folder"
	_, err = off.batches(wide(4, 1, 1)).Recv()
	wantReason(t, err, codes.FailedPrecondition, apierr.DeliveryUnavailable)
	if !strings.Contains(fmt.Sprint(err), "no such folder") {
		t.Error(err)
	}
}

// A full file system is an error of the stream that wants more.
func TestSharedMemoryIsFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := newSharing(t, filepath.Join(dir, "s"), config.MaxLease, "a")
	m := s.mapped(&frameportv1.StreamBatchesStart{})
	_, err := s.batches(&frameportv1.StreamBatchesStart{Tensor: &frameportv1.TensorSpec{Width: 640, Height: 640}, MaxBatchSize: 1, MaxMessageBytes: 1 << 30, Delivery: shared}).Recv()
	wantReason(t, err, codes.ResourceExhausted, apierr.OutOfSharedMemory)
	if !strings.Contains(fmt.Sprint(err), "--shm-size") {
		t.Error(err)
	}
	s.publish("a")
	m.read()
}

func TestSharedMemoryIsForThisMachine(t *testing.T) {
	s := newSharing(t, folderOf(t), config.MaxLease, "a")
	m := SharedMemory{Folder: s.folder}
	for _, c := range []struct {
		addr  net.Addr
		local bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, true},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:127.0.0.2")}, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, false},
		{&net.TCPAddr{IP: net.IPv6zero}, false},
		{socketAddr("unix:pid=1,uid=0"), true},
		{&net.UnixAddr{Net: "unix"}, true},
		{&net.UDPAddr{IP: net.IPv6loopback}, false},
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: c.addr})
		m.Remote = false
		err := m.offered(ctx)
		if (err == nil) != c.local {
			t.Errorf("%v: %v", c.addr, err)
		}
		if err != nil {
			wantReason(t, err, codes.FailedPrecondition, apierr.DeliveryUnavailable)
			if !strings.Contains(err.Error(), "--shm-remote") {
				t.Error(err)
			}
		}
		if m.Remote = true; m.offered(ctx) != nil {
			t.Errorf("%v is refused though it is allowed", c.addr)
		}
	}
	if (SharedMemory{Folder: s.folder}).offered(t.Context()) == nil {
		t.Error("offered to nobody knows whom")
	}
}
