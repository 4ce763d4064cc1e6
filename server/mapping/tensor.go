package mapping

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
)

// defaultPad is the border of a letterbox when the request names none.
const defaultPad = 114

// Tensor reads the wanted form of a tensor and fills in what it leaves open. The error
// is an [*OutputError].
func Tensor(s *frameportv1.TensorSpec) (t convert.Tensor, err error) {
	wrong := func(field, format string, args ...any) (convert.Tensor, error) {
		return convert.Tensor{}, &OutputError{apierr.InvalidTensor, field, fmt.Sprintf(format, args...)}
	}
	if s.GetWidth() == 0 || s.GetHeight() == 0 {
		return wrong("width", "is %d and height %d: both are required; give the size that the model takes, 1 to %d pixels", s.GetWidth(), s.GetHeight(), convert.MaxSize)
	}
	t = convert.Tensor{Width: int(s.GetWidth()), Height: int(s.GetHeight()), Pad: defaultPad}
	var ok bool
	if t.Type, ok = toCore(tensorTypes(), s.GetDtype()); !ok {
		return wrong("dtype", "is %d, which this version doesn't know; use UINT8, FLOAT16 or FLOAT32", s.GetDtype())
	}
	if t.Layout, ok = toCore(tensorLayouts(), s.GetLayout()); !ok {
		return wrong("layout", "is %d, which this version doesn't know; use NCHW or NHWC", s.GetLayout())
	}
	if t.Fit, ok = toCore(tensorFits(), s.GetFit()); !ok {
		return wrong("fit", "is %v; use LETTERBOX, COVER or STRETCH: a tensor's size is fixed", s.GetFit())
	}
	if t.BGR, ok = toCore(channelOrders(), s.GetChannelOrder()); !ok {
		return wrong("channel_order", "is %d, which this version doesn't know; use RGB or BGR", s.GetChannelOrder())
	}
	if s.PadValue != nil {
		t.Pad = s.GetPadValue()
	}
	scale := float32(1) / 255
	if t.Type == convert.TensorUint8 {
		scale = 1
	}
	if s.Scale != nil {
		scale = s.GetScale()
	}
	t.Scale = [3]float32{scale, scale, scale}
	if t.Mean, ok = perChannel(s.GetMean(), 0); !ok {
		return wrong("mean", "has %d values; give none, one, or one for each of the three channels", len(s.GetMean()))
	}
	if t.Std, ok = perChannel(s.GetStd(), 1); !ok {
		return wrong("std", "has %d values; give none, one, or one for each of the three channels", len(s.GetStd()))
	}
	if err := t.Validate(); err != nil {
		return wrong("", "%s", reasons(err))
	}
	return t, nil
}

// perChannel spreads none, one or three values over the channels.
func perChannel(values []float32, none float32) (out [3]float32, ok bool) {
	switch len(values) {
	case 0:
		return [3]float32{none, none, none}, true
	case 1:
		return [3]float32{values[0], values[0], values[0]}, true
	case 3:
		return [3]float32(values), true
	}
	return out, false
}

// reasons writes joined errors of package convert in one line, without its sentinel.
func reasons(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, convert.ErrRequest.Error()+": ")
	}
	return strings.Join(lines, "; ")
}

// BatchEntry writes a frame that is a row of a tensor.
func BatchEntry(cameraID string, info *frame.Info, t convert.Tensor, skipped *frameportv1.Skipped) (*frameportv1.BatchEntry, error) {
	to, err := t.Transform(info.Width, info.Height)
	if err != nil {
		return nil, err
	}
	e := &frameportv1.BatchEntry{
		CameraId:          cameraID,
		Epoch:             info.Epoch,
		Sequence:          info.Sequence,
		Pts:               durationpb.New(info.PTS),
		CaptureTime:       timestamp(info.Capture),
		CaptureTimeSource: ClockSource(info.Source),
		ReceivedTime:      timestamp(info.Received),
		DecodedTime:       timestamp(info.Decoded),
		SourceWidth:       int32(info.Width),
		SourceHeight:      int32(info.Height),
		Transform:         wireTransform(to),
		KeyFrame:          info.KeyFrame,
		Corrupt:           info.Corrupt,
		Skipped:           skipped,
	}
	if info.CaptureError > 0 {
		e.CaptureTimeError = durationpb.New(info.CaptureError)
	}
	return e, nil
}

// Batch writes what a tensor with these rows is; the data is left to the caller.
func Batch(entries []*frameportv1.BatchEntry, t convert.Tensor) *frameportv1.Batch {
	n, w, h := int64(len(entries)), int64(t.Width), int64(t.Height)
	b := &frameportv1.Batch{
		Entries: entries, Dtype: toWire(tensorTypes(), t.Type), Layout: toWire(tensorLayouts(), t.Layout),
		Shape: []int64{n, 3, h, w},
	}
	if t.Layout == convert.TensorNHWC {
		b.Shape = []int64{n, h, w, 3}
	}
	return b
}

func tensorTypes() []pair[frameportv1.TensorDtype, convert.TensorType] {
	return []pair[frameportv1.TensorDtype, convert.TensorType]{
		{frameportv1.TensorDtype_TENSOR_DTYPE_UNSPECIFIED, convert.TensorFloat32},
		{frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, convert.TensorUint8},
		{frameportv1.TensorDtype_TENSOR_DTYPE_FLOAT16, convert.TensorFloat16},
		{frameportv1.TensorDtype_TENSOR_DTYPE_FLOAT32, convert.TensorFloat32},
	}
}

func tensorLayouts() []pair[frameportv1.TensorLayout, convert.TensorLayout] {
	return []pair[frameportv1.TensorLayout, convert.TensorLayout]{
		{frameportv1.TensorLayout_TENSOR_LAYOUT_UNSPECIFIED, convert.TensorNCHW},
		{frameportv1.TensorLayout_TENSOR_LAYOUT_NCHW, convert.TensorNCHW},
		{frameportv1.TensorLayout_TENSOR_LAYOUT_NHWC, convert.TensorNHWC},
	}
}

func channelOrders() []pair[frameportv1.ChannelOrder, bool] {
	return []pair[frameportv1.ChannelOrder, bool]{
		{frameportv1.ChannelOrder_CHANNEL_ORDER_UNSPECIFIED, false},
		{frameportv1.ChannelOrder_CHANNEL_ORDER_RGB, false},
		{frameportv1.ChannelOrder_CHANNEL_ORDER_BGR, true},
	}
}

func tensorFits() []pair[frameportv1.Fit, convert.Fit] {
	return []pair[frameportv1.Fit, convert.Fit]{
		{frameportv1.Fit_FIT_UNSPECIFIED, convert.FitLetterbox},
		{frameportv1.Fit_FIT_LETTERBOX, convert.FitLetterbox},
		{frameportv1.Fit_FIT_COVER, convert.FitCover},
		{frameportv1.Fit_FIT_STRETCH, convert.FitStretch},
	}
}
