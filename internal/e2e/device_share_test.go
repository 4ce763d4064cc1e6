//go:build cgo

package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

// sharerOf makes this program a reader of a camera's frames in the GPU's memory: the
// worker's address and the camera. Its first line is the region's GPU.
const sharerOf = "FRAMEPORT_E2E_SHARER_OF"

// sharerLeases are what it holds at the end.
const sharerLeases = 4

// shareDevice prints what it reads of each leased frame. When its input ends it goes on
// until it holds as many leases as it may, and keeps them.
func shareDevice(of string) error {
	address, id, _ := strings.Cut(of, ",")
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := frameportv1.NewFrameServiceClient(conn).ShareFrames(context.Background())
	if err != nil {
		return err
	}
	send := func(r *frameportv1.ShareFramesRequest) error { return stream.Send(r) }
	if err := send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Open{Open: &frameportv1.ShareOpen{
		CameraId: id, Kind: frameportv1.RegionKind_REGION_KIND_CUDA_IPC, MaxLeases: sharerLeases,
		LeaseDuration: durationpb.New(time.Minute),
	}}}); err != nil {
		return err
	}
	hold := make(chan struct{})
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(hold)
	}()
	type mapping struct {
		memory *opened
		region *frameportv1.SharedRegion
	}
	regions := map[string]mapping{} // a camera that has been away may have another one
	for held := 0; ; {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		if region := r.GetRegion(); region != nil {
			memory, err := openDevice(region)
			if err != nil {
				return err
			}
			if len(regions) == 0 {
				fmt.Println(region.GetDeviceUuid())
			}
			regions[region.GetName()] = mapping{memory, region}
			continue
		}
		lease := r.GetLease()
		m := regions[lease.GetRegion()]
		camera, picture, err := readLease(m.memory, m.region, lease)
		fmt.Println(lease.GetCameraId(), camera, picture, err)
		select {
		case <-hold:
			if held++; held == sharerLeases {
				fmt.Println("held")
				select {} // until it is killed
			}
		default:
			ack := &frameportv1.LeaseAck{LeaseId: lease.GetLeaseId()}
			if err := send(&frameportv1.ShareFramesRequest{Request: &frameportv1.ShareFramesRequest_Ack{Ack: ack}}); err != nil {
				return err
			}
		}
	}
}

// readLease reads the bar code, and then whether it was the frame's.
func readLease(o *opened, r *frameportv1.SharedRegion, l *frameportv1.FrameLease) (camera, picture int, err error) {
	slot, err := o.read(&frameportv1.SharedTensor{Offset: l.GetOffset(), ByteSize: r.GetSlotStride()})
	if err != nil {
		return 0, 0, err
	}
	if g := binary.LittleEndian.Uint64(slot[r.GetGenerationOffset():]); g != l.GetGeneration() {
		return 0, 0, fmt.Errorf("generation %d for %d", g, l.GetGeneration())
	}
	luma := r.GetPlanes()[0]
	return testvideo.ReadBarcodeLuma(slot[luma.GetOffset():], int(r.GetWidth()), int(r.GetHeight()), int(luma.GetStride()))
}

// Another process reads frames where the GPU has them. It costs memory while it does; it
// may hold as many as it asked for, and the camera goes on; when it is killed everything
// is as before.
func TestDeviceFrames(t *testing.T) {
	t.Parallel()
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, nil)
	const id = "h264_720p"
	w.add(id, over(site.Camera(id, id, camsim.Camera{}).URL()))
	w.running(id)
	ring := func() int64 { return w.device().GetLedger().GetRingBytes() }
	alone := ring()
	r := w.readerAs(sharerOf, []string{gputest.PathVariable + "=" + gputest.LibraryPath(t)}, id)
	if r.file != w.device().GetUuid() || ring() <= alone {
		t.Errorf("a region on %s; %d bytes of ring, %d without readers", r.file, ring(), alone)
	}
	frames := func(n int) {
		t.Helper()
		for range n {
			var of, problem string
			var camera, picture int
			line := r.line()
			if _, err := fmt.Sscan(line, &of, &camera, &picture, &problem); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if clip := site.Clip(id); of != id || camera != clip.Camera || picture >= clip.Frames || problem != "<nil>" {
				t.Errorf("%s, want camera %d", line, clip.Camera)
			}
		}
	}
	frames(20)
	if err := r.hold.Close(); err != nil {
		t.Fatal(err)
	}
	for r.line() != "held" {
	}
	from := w.camera(id).GetStatus().GetSequence()
	until(t, "the camera to go on", func() bool { return w.camera(id).GetStatus().GetSequence() > from+30 })
	r.kill()
	until(t, "the killed reader's memory to be given back", func() bool { return ring() == alone })
}
