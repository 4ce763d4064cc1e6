package mapping

import (
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// Region writes what a client needs to read frames in a region.
func Region(r *frame.Region) *frameportv1.SharedRegion {
	m := &frameportv1.SharedRegion{
		Name: r.Name, Kind: RegionKind(r),
		Key: r.Path, RawHandle: r.Handle, DeviceUuid: r.UUID,
		Offset: uint64(r.Offset), ByteSize: uint64(r.Bytes), SlotCount: int32(r.Slots), SlotStride: uint64(r.Stride),
		Format: toWire(layouts(), r.Format), Width: int32(r.Width), Height: int32(r.Height),
		Color: color(r.Color), GenerationOffset: uint64(r.Generation),
	}
	if r.Handle != nil {
		m.DeviceId = int64(r.Device)
	}
	for i, p := range r.Planes {
		if i == 0 {
			m.Pitch = int32(p.Pitch)
		}
		m.Planes = append(m.Planes, &frameportv1.Plane{Offset: p.Offset, Stride: int32(p.Pitch), Height: int32(p.Rows)})
	}
	return m
}

// RegionKind says how clients get at a region.
func RegionKind(r *frame.Region) frameportv1.RegionKind {
	if r.Handle != nil {
		return frameportv1.RegionKind_REGION_KIND_CUDA_IPC
	}
	return frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY
}

// Lease writes where a frame lies and what it is. The number and the times of the lease
// are left to the caller.
func Lease(cameraID string, info *frame.Info, at frame.Place, skipped *frameportv1.Skipped) *frameportv1.FrameLease {
	r := at.Region
	l := &frameportv1.FrameLease{
		Region: r.Name, Slot: int32(at.Slot), Generation: at.Generation,
		Offset: uint64(r.Offset + int64(at.Slot)*r.Stride),

		CameraId:          cameraID,
		Epoch:             info.Epoch,
		Sequence:          info.Sequence,
		Pts:               durationpb.New(info.PTS),
		CaptureTime:       timestamp(info.Capture),
		CaptureTimeSource: ClockSource(info.Source),
		ReceivedTime:      timestamp(info.Received),
		DecodedTime:       timestamp(info.Decoded),
		KeyFrame:          info.KeyFrame,
		Corrupt:           info.Corrupt,
		Skipped:           skipped,
	}
	sizes, _ := r.Format.Planes(r.Width, r.Height)
	for i, p := range r.Planes { // the last row ends with its pixels
		l.ByteSize = max(l.ByteSize, uint64(p.Offset+int64(p.Pitch)*int64(p.Rows-1)+int64(sizes[i].RowBytes)))
	}
	if info.CaptureError > 0 {
		l.CaptureTimeError = durationpb.New(info.CaptureError)
	}
	return l
}

// layouts are those of frames; pictures that are made of frames have render's formats.
func layouts() []pair[frameportv1.ImageFormat, media.PixelFormat] {
	return []pair[frameportv1.ImageFormat, media.PixelFormat]{
		{frameportv1.ImageFormat_IMAGE_FORMAT_RGB24, media.PixelRGB24},
		{frameportv1.ImageFormat_IMAGE_FORMAT_BGR24, media.PixelBGR24},
		{frameportv1.ImageFormat_IMAGE_FORMAT_NV12, media.PixelNV12},
		{frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8, media.PixelGray8},
		{frameportv1.ImageFormat_IMAGE_FORMAT_I420, media.PixelI420},
	}
}
