package mapping

import (
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
		Transform:         transform(info.Width, info.Height, out),
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

// transform maps a picture back onto the w x h frame that it was made of.
func transform(w, h int, out render.Output) *frameportv1.Transform {
	g, err := out.Geometry(w, h)
	if err != nil { // then there is no picture either
		return &frameportv1.Transform{ScaleX: 1, ScaleY: 1}
	}
	return wireTransform(g.Transform())
}

func wireTransform(t convert.Transform) *frameportv1.Transform {
	return &frameportv1.Transform{ScaleX: t.ScaleX, ScaleY: t.ScaleY, OffsetX: t.OffsetX, OffsetY: t.OffsetY}
}

// timestamp is unset for a time that is not known.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
