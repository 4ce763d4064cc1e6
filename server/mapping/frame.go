package mapping

import (
	"image"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/render"
)

// Frame writes a picture of a frame. The message refers to the picture's bytes. The
// time it is sent and what was skipped are left to the caller.
func Frame(cameraID string, info *frame.Info, picture *render.Picture, out render.Output) *frameportv1.Frame {
	f := &frameportv1.Frame{
		CameraId:          cameraID,
		Epoch:             info.Epoch,
		Sequence:          info.Sequence,
		Pts:               durationpb.New(info.PTS),
		CaptureTime:       timestamp(info.Capture),
		CaptureTimeSource: ClockSource(info.Source),
		ReceivedTime:      timestamp(info.Received),
		DecodedTime:       timestamp(info.Decoded),
		Width:             int32(picture.Width),
		Height:            int32(picture.Height),
		Format:            toWire(formats(), picture.Format),
		Data:              picture.Data,
		KeyFrame:          info.KeyFrame,
		Corrupt:           info.Corrupt,
		Color:             pictureColor(picture),
		SourceWidth:       int32(info.Width),
		SourceHeight:      int32(info.Height),
		Transform:         transform(image.Pt(info.Width, info.Height), image.Pt(picture.Width, picture.Height), out),
	}
	if info.CaptureError > 0 {
		f.CaptureTimeError = durationpb.New(info.CaptureError)
	}
	for _, p := range picture.Planes {
		f.Planes = append(f.Planes, &frameportv1.Plane{Offset: int64(p.Offset), Stride: int32(p.Stride), Height: int32(p.Height)})
	}
	return f
}

func pictureColor(p *render.Picture) *frameportv1.ColorSpec {
	switch p.Format {
	case render.FormatJPEG:
		return color(media.JFIF())
	case render.FormatNV12:
		return color(p.Color)
	default:
		return color(media.Color{Range: media.RangeFull})
	}
}

// transform maps a picture of size got back onto the frame of size source that it
// was made of.
func transform(source, got image.Point, out render.Output) *frameportv1.Transform {
	crop := out.Crop
	if crop.Empty() {
		crop = image.Rectangle{Max: source}
	}
	w, h := float64(crop.Dx()), float64(crop.Dy())
	x, y := float64(crop.Min.X), float64(crop.Min.Y)
	sx, sy := w/float64(got.X), h/float64(got.Y)
	switch out.Fit {
	case convert.FitCover:
		sx = min(sx, sy)
		sy = sx
	case convert.FitLetterbox:
		sx = max(sx, sy)
		sy = sx
	}
	// What hangs over, or is missing, does so equally on both sides.
	return &frameportv1.Transform{
		ScaleX: sx, ScaleY: sy,
		OffsetX: x + (w-float64(got.X)*sx)/2,
		OffsetY: y + (h-float64(got.Y)*sy)/2,
	}
}

// timestamp is unset for a time that is not known.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
