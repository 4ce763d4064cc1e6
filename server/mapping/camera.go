package mapping

import (
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/media"
)

// Camera writes a camera without its secrets.
func Camera(c camera.Snapshot) *frameportv1.Camera {
	return &frameportv1.Camera{CameraId: c.ID, Spec: Spec(c.Spec), Status: status(c)}
}

// sequence is the newest frame's in the camera's epoch: a frame of the one before has
// none in it.
func sequence(c camera.Snapshot) uint64 {
	if c.LastFrameID.Epoch != c.Epoch {
		return 0
	}
	return c.LastFrameID.Sequence
}

func status(c camera.Snapshot) *frameportv1.CameraStatus {
	s := &frameportv1.CameraStatus{
		State:         State(c.State),
		StateTime:     timestamp(c.StateTime),
		Codec:         toWire(codecs(), c.Codec),
		Width:         int32(c.Width),
		Height:        int32(c.Height),
		StreamWidth:   int32(c.StreamWidth),
		StreamHeight:  int32(c.StreamHeight),
		ReceivedFps:   c.ReceivedFPS,
		DecodedFps:    c.DecodedFPS,
		Bitrate:       c.Bitrate,
		Epoch:         c.Epoch,
		Sequence:      sequence(c),
		LastFrameTime: timestamp(c.LastFrame),
		Clock:         clock(c.Clock),
		Gop:           gop(c.GOP),
		Counters:      counters(c.Counters),
		Transport:     frameportv1.Transport(frameportv1.Transport_value["TRANSPORT_"+c.Transport]),
		Backend:       frameportv1.BackendKind(frameportv1.BackendKind_value["BACKEND_KIND_"+c.Backend]),
		BackendReason: c.BackendReason,
		Device:        c.Device,
		Readers:       int32(c.Readers),
		Memory: &frameportv1.CameraMemory{
			DeviceDecoderBytes: c.Memory.Device.Decoder,
			DeviceRingBytes:    c.Memory.Device.Ring,
			DeviceOtherBytes:   c.Memory.Device.Other,
			HostBytes:          c.Memory.Host,
		},
	}
	if c.LastFrame.IsZero() {
		s.Clock = &frameportv1.CameraClock{} // nothing has been timed yet
	}
	if c.Fault.Class != fault.None {
		s.Fault = faultStatus(c.Fault)
	}
	if c.LastFault.Class != fault.None {
		s.LastFault = faultStatus(c.LastFault)
	}
	return s
}

func faultStatus(f camera.FaultStatus) *frameportv1.Fault {
	return &frameportv1.Fault{
		Class:           FaultClass(f.Class),
		Message:         f.Message,
		Count:           f.Count,
		FirstTime:       timestamp(f.First),
		LastTime:        timestamp(f.Last),
		NextAttemptTime: timestamp(f.NextAttempt),
	}
}

func clock(c camera.ClockStatus) *frameportv1.CameraClock {
	out := &frameportv1.CameraClock{Source: ClockSource(c.Source)}
	if c.Source == media.ClockRTCP {
		out.Offset = durationpb.New(c.Offset)
		if c.ErrorBound > 0 {
			out.ErrorBound = durationpb.New(c.ErrorBound)
		}
	}
	return out
}

func gop(g camera.GOP) *frameportv1.Gop {
	out := &frameportv1.Gop{Frames: int32(g.Frames)}
	if g.Duration > 0 {
		out.Duration = durationpb.New(g.Duration)
	}
	return out
}

func counters(c camera.Counters) *frameportv1.CameraCounters {
	return &frameportv1.CameraCounters{
		AccessUnits:     c.AccessUnits,
		KeyFrames:       c.KeyFrames,
		FramesDecoded:   c.FramesDecoded,
		FramesPublished: c.FramesPublished,
		FramesCorrupt:   c.FramesCorrupt,
		PacketsReceived: c.PacketsReceived,
		PacketsLost:     c.PacketsLost,
		BytesReceived:   c.BytesReceived,
		ConnectAttempts: c.ConnectAttempts,
		Reconnects:      c.Reconnects,
		Dropped: &frameportv1.DropCounters{
			Policy: c.Dropped.Policy, Network: c.Dropped.Network, Decode: c.Dropped.Decode, Queue: c.DroppedQueue,
		},
	}
}

// Count adds a camera in state s to the counts of the worker.
func Count(c *frameportv1.CameraCounts, s camera.State) {
	c.Total++
	switch s {
	case camera.StateConnecting:
		c.Connecting++
	case camera.StateRunning:
		c.Running++
	case camera.StateDegraded:
		c.Degraded++
	case camera.StateStalled:
		c.Stalled++
	case camera.StateFailed:
		c.Failed++
	case camera.StateStopped:
		c.Stopped++
	}
}
