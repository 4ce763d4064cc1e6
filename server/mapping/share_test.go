package mapping

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

func TestRegion(t *testing.T) {
	host := &frame.Region{
		Name: "region-x", Path: "/dev/shm/w/region-x", Offset: 4096, Bytes: 3 * 8192, Slots: 3, Stride: 8192,
		Format: media.PixelI420, Width: 6, Height: 4, Color: media.Color{Matrix: media.MatrixBT709, Range: media.RangeLimited},
		Planes: []frame.PlaneLayout{{Offset: 64, Pitch: 64, Rows: 4}, {Offset: 320, Pitch: 32, Rows: 2}, {Offset: 384, Pitch: 32, Rows: 2}}, Generation: 8,
	}
	want := &frameportv1.SharedRegion{
		Name: "region-x", Kind: frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY, Key: "/dev/shm/w/region-x",
		Offset: 4096, ByteSize: 3 * 8192, SlotCount: 3, SlotStride: 8192, Pitch: 64,
		Format: frameportv1.ImageFormat_IMAGE_FORMAT_I420, Width: 6, Height: 4,
		Planes:           []*frameportv1.Plane{{Offset: 64, Stride: 64, Height: 4}, {Offset: 320, Stride: 32, Height: 2}, {Offset: 384, Stride: 32, Height: 2}},
		Color:            &frameportv1.ColorSpec{Matrix: frameportv1.ColorMatrix_COLOR_MATRIX_BT709, Range: frameportv1.ColorRange_COLOR_RANGE_LIMITED},
		GenerationOffset: 8,
	}
	if got := Region(host); !proto.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	handle := make([]byte, 64)
	device := &frame.Region{Name: "r", Handle: handle, Device: 1, UUID: "GPU-1", Format: media.PixelNV12}
	got := Region(device)
	if got.GetKind() != frameportv1.RegionKind_REGION_KIND_CUDA_IPC || len(got.GetRawHandle()) != 64 || got.GetDeviceId() != 1 || got.GetDeviceUuid() != "GPU-1" ||
		got.GetKey() != "" || got.GetFormat() != frameportv1.ImageFormat_IMAGE_FORMAT_NV12 {
		t.Errorf("%v", got)
	}

	received := time.Unix(1000, 5)
	info := &frame.Info{ID: frame.ID{Epoch: 2, Sequence: 7}, Decoded: received.Add(1), KeyFrame: true, Corrupt: true}
	info.PTS, info.Capture, info.CaptureError, info.Received, info.Source = time.Second, received.Add(-1), time.Millisecond, received, media.ClockRTCP
	skipped := &frameportv1.Skipped{SlowConsumer: 3}
	lease := &frameportv1.FrameLease{
		Region: "region-x", Slot: 2, Offset: 4096 + 2*8192, ByteSize: 384 + 32 + 3, Generation: 9,
		CameraId: "door", Epoch: 2, Sequence: 7, Pts: durationpb.New(time.Second),
		CaptureTime: timestamppb.New(received.Add(-1)), CaptureTimeSource: frameportv1.CaptureTimeSource_CAPTURE_TIME_SOURCE_RTCP, CaptureTimeError: durationpb.New(time.Millisecond),
		ReceivedTime: timestamppb.New(received), DecodedTime: timestamppb.New(received.Add(1)), KeyFrame: true, Corrupt: true, Skipped: skipped,
	}
	if got := Lease("door", info, frame.Place{Region: host, Slot: 2, Generation: 9}, skipped); !proto.Equal(got, lease) {
		t.Errorf("%v, want %v", got, lease)
	}
}
