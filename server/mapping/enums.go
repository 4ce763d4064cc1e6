package mapping

import (
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/render"
)

// pair is one row of an enumeration's table.
type pair[P, C comparable] struct {
	wire P
	core C
}

// toCore returns the core value of a wire value, and false for one that the table
// does not know. UNSPECIFIED stands in the table with the documented default.
func toCore[P, C comparable](table []pair[P, C], wire P) (core C, ok bool) {
	for _, p := range table {
		if p.wire == wire {
			return p.core, true
		}
	}
	return core, false
}

// toWire returns the wire value of a core value: the last row that has it, so that a
// default's UNSPECIFIED row stands first and is never sent. Unknown = UNSPECIFIED.
func toWire[P, C comparable](table []pair[P, C], core C) (wire P) {
	for _, p := range table {
		if p.core == core {
			wire = p.wire
		}
	}
	return wire
}

func transports() []pair[frameportv1.Transport, config.Transport] {
	return []pair[frameportv1.Transport, config.Transport]{
		{frameportv1.Transport_TRANSPORT_UNSPECIFIED, config.TransportAuto},
		{frameportv1.Transport_TRANSPORT_AUTO, config.TransportAuto},
		{frameportv1.Transport_TRANSPORT_TCP, config.TransportTCP},
		{frameportv1.Transport_TRANSPORT_UDP, config.TransportUDP},
		{frameportv1.Transport_TRANSPORT_MULTICAST, config.TransportMulticast},
		{frameportv1.Transport_TRANSPORT_HTTP, config.TransportHTTP},
		{frameportv1.Transport_TRANSPORT_WEBSOCKET, config.TransportWebSocket},
	}
}

func tlsModes() []pair[frameportv1.TlsMode, config.TLSMode] {
	return []pair[frameportv1.TlsMode, config.TLSMode]{
		{frameportv1.TlsMode_TLS_MODE_UNSPECIFIED, config.TLSVerify},
		{frameportv1.TlsMode_TLS_MODE_VERIFY, config.TLSVerify},
		{frameportv1.TlsMode_TLS_MODE_PIN, config.TLSPin},
		{frameportv1.TlsMode_TLS_MODE_INSECURE, config.TLSInsecure},
	}
}

func decodeModes() []pair[frameportv1.DecodeMode, config.DecodeMode] {
	return []pair[frameportv1.DecodeMode, config.DecodeMode]{
		{frameportv1.DecodeMode_DECODE_MODE_UNSPECIFIED, config.DecodeAll},
		{frameportv1.DecodeMode_DECODE_MODE_ALL, config.DecodeAll},
		{frameportv1.DecodeMode_DECODE_MODE_SKIP_NON_REFERENCE, config.DecodeSkipNonReference},
		{frameportv1.DecodeMode_DECODE_MODE_KEYFRAMES, config.DecodeKeyframes},
		{frameportv1.DecodeMode_DECODE_MODE_ON_DEMAND, config.DecodeOnDemand},
		{frameportv1.DecodeMode_DECODE_MODE_NONE, config.DecodeNone},
	}
}

func backends() []pair[frameportv1.BackendKind, config.BackendKind] {
	return []pair[frameportv1.BackendKind, config.BackendKind]{
		{frameportv1.BackendKind_BACKEND_KIND_UNSPECIFIED, config.BackendAuto},
		{frameportv1.BackendKind_BACKEND_KIND_AUTO, config.BackendAuto},
		{frameportv1.BackendKind_BACKEND_KIND_CUDA, config.BackendCUDA},
		{frameportv1.BackendKind_BACKEND_KIND_CPU, config.BackendCPU},
	}
}

func matrices() []pair[frameportv1.ColorMatrix, media.Matrix] {
	return []pair[frameportv1.ColorMatrix, media.Matrix]{
		{frameportv1.ColorMatrix_COLOR_MATRIX_UNSPECIFIED, media.MatrixUnspecified},
		{frameportv1.ColorMatrix_COLOR_MATRIX_BT601, media.MatrixBT601},
		{frameportv1.ColorMatrix_COLOR_MATRIX_BT709, media.MatrixBT709},
		{frameportv1.ColorMatrix_COLOR_MATRIX_BT2020, media.MatrixBT2020},
	}
}

func ranges() []pair[frameportv1.ColorRange, media.Range] {
	return []pair[frameportv1.ColorRange, media.Range]{
		{frameportv1.ColorRange_COLOR_RANGE_UNSPECIFIED, media.RangeUnspecified},
		{frameportv1.ColorRange_COLOR_RANGE_LIMITED, media.RangeLimited},
		{frameportv1.ColorRange_COLOR_RANGE_FULL, media.RangeFull},
	}
}

func codecs() []pair[frameportv1.Codec, media.Codec] {
	return []pair[frameportv1.Codec, media.Codec]{
		{frameportv1.Codec_CODEC_UNSPECIFIED, media.CodecUnknown},
		{frameportv1.Codec_CODEC_H264, media.CodecH264},
		{frameportv1.Codec_CODEC_H265, media.CodecH265},
		{frameportv1.Codec_CODEC_MJPEG, media.CodecMJPEG},
		{frameportv1.Codec_CODEC_VP8, media.CodecVP8},
		{frameportv1.Codec_CODEC_VP9, media.CodecVP9},
	}
}

func formats() []pair[frameportv1.ImageFormat, render.Format] {
	return []pair[frameportv1.ImageFormat, render.Format]{
		{frameportv1.ImageFormat_IMAGE_FORMAT_UNSPECIFIED, render.FormatJPEG},
		{frameportv1.ImageFormat_IMAGE_FORMAT_JPEG, render.FormatJPEG},
		{frameportv1.ImageFormat_IMAGE_FORMAT_RGB24, render.FormatRGB24},
		{frameportv1.ImageFormat_IMAGE_FORMAT_BGR24, render.FormatBGR24},
		{frameportv1.ImageFormat_IMAGE_FORMAT_NV12, render.FormatNV12},
		{frameportv1.ImageFormat_IMAGE_FORMAT_GRAY8, render.FormatGray8},
	}
}

func fits() []pair[frameportv1.Fit, convert.Fit] {
	return []pair[frameportv1.Fit, convert.Fit]{
		{frameportv1.Fit_FIT_UNSPECIFIED, convert.FitContain},
		{frameportv1.Fit_FIT_CONTAIN, convert.FitContain},
		{frameportv1.Fit_FIT_COVER, convert.FitCover},
		{frameportv1.Fit_FIT_STRETCH, convert.FitStretch},
		{frameportv1.Fit_FIT_LETTERBOX, convert.FitLetterbox},
	}
}

func states() []pair[frameportv1.CameraState, camera.State] {
	return []pair[frameportv1.CameraState, camera.State]{
		{frameportv1.CameraState_CAMERA_STATE_CONNECTING, camera.StateConnecting},
		{frameportv1.CameraState_CAMERA_STATE_RUNNING, camera.StateRunning},
		{frameportv1.CameraState_CAMERA_STATE_DEGRADED, camera.StateDegraded},
		{frameportv1.CameraState_CAMERA_STATE_STALLED, camera.StateStalled},
		{frameportv1.CameraState_CAMERA_STATE_FAILED, camera.StateFailed},
		{frameportv1.CameraState_CAMERA_STATE_STOPPED, camera.StateStopped},
	}
}

func faultClasses() []pair[frameportv1.FaultClass, fault.Class] {
	return []pair[frameportv1.FaultClass, fault.Class]{
		{frameportv1.FaultClass_FAULT_CLASS_UNSPECIFIED, fault.None},
		{frameportv1.FaultClass_FAULT_CLASS_AUTH, fault.Auth},
		{frameportv1.FaultClass_FAULT_CLASS_NOT_FOUND, fault.NotFound},
		{frameportv1.FaultClass_FAULT_CLASS_UNREACHABLE, fault.Unreachable},
		{frameportv1.FaultClass_FAULT_CLASS_PROTOCOL, fault.Protocol},
		{frameportv1.FaultClass_FAULT_CLASS_UNSUPPORTED, fault.Unsupported},
		{frameportv1.FaultClass_FAULT_CLASS_BUSY, fault.Busy},
		{frameportv1.FaultClass_FAULT_CLASS_STALLED, fault.Stalled},
		{frameportv1.FaultClass_FAULT_CLASS_DECODE, fault.Decode},
		{frameportv1.FaultClass_FAULT_CLASS_LIMIT, fault.Limit},
		{frameportv1.FaultClass_FAULT_CLASS_POLICY, fault.Policy},
	}
}

// State returns the wire value of a camera's state.
func State(s camera.State) frameportv1.CameraState { return toWire(states(), s) }

// FaultClass returns the wire value of a fault's class.
func FaultClass(c fault.Class) frameportv1.FaultClass { return toWire(faultClasses(), c) }

// ClockSource returns the wire value of a capture time's source.
func ClockSource(s media.ClockSource) frameportv1.CaptureTimeSource {
	if s == media.ClockRTCP {
		return frameportv1.CaptureTimeSource_CAPTURE_TIME_SOURCE_RTCP
	}
	return frameportv1.CaptureTimeSource_CAPTURE_TIME_SOURCE_ARRIVAL
}
