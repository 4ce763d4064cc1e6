package camera

import (
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// Snapshot is a camera as it is at one moment. It is a value; its Spec's Labels
// are shared and must not be changed.
type Snapshot struct {
	ID        string
	Spec      config.Camera
	Revision  uint64 // of the manager when this camera changed last
	Changes   uint64 // how often it changed: state, fault or specification
	AddedTime time.Time

	State     State
	StateTime time.Time   // when State was entered
	Cause     string      // of the last change of state, for people
	Fault     FaultStatus // what is wrong now
	LastFault FaultStatus // the most recent one, also after it has passed

	Codec                     media.Codec
	Width, Height             int     // of the frames, in pixels; of the stream before the first; 0 = not known
	StreamWidth, StreamHeight int     // as the camera sends
	ReceivedFPS               float64 // access units per second, over the last 8 s
	DecodedFPS                float64 // frames published per second, likewise
	Bitrate                   float64 // bits of video per second, likewise
	GOP                       GOP

	Epoch       uint64 // 0 = never connected
	LastFrame   time.Time
	LastFrameID frame.ID
	// UnchangedSince is when the first of the pictures was received that look like the
	// newest one: the camera shows nothing new since then. Zero = not known, as for
	// frames in device memory.
	UnchangedSince time.Time
	Clock          ClockStatus
	Transport      string // "TCP", "UDP", "MULTICAST", "HTTP", "WEBSOCKET"; empty = no session
	Counters       Counters

	Backend       string // "CPU", "CUDA"; empty = nothing decodes
	Device        string
	BackendReason string
	Memory        Memory
	Readers       int  // of the frames now: streams and waiting calls
	TLSInsecure   bool // the certificate is not checked
}

// GOP is the distance between the last two random-access units.
type GOP struct {
	Frames   int // 0 = not known yet
	Duration time.Duration
}

// ClockStatus compares the camera's clock with the worker's.
type ClockStatus struct {
	Source     media.ClockSource
	Offset     time.Duration // camera - worker; meaningful with ClockRTCP
	ErrorBound time.Duration // 0 = not known
}

// Counters count since the camera was added.
type Counters struct {
	AccessUnits     uint64 // received whole
	KeyFrames       uint64 // random-access units among them
	FramesDecoded   uint64
	FramesPublished uint64
	FramesCorrupt   uint64 // published with damage
	// Dropped are units and pictures that never became frames. Those that the
	// decoder was too slow for are in DroppedQueue and not in Dropped.Decode, unlike
	// on frames, where Decode is the sum of both.
	Dropped         frame.Drops
	DroppedQueue    uint64
	PacketsReceived uint64
	PacketsLost     uint64
	BytesReceived   uint64
	ConnectAttempts uint64
	Reconnects      uint64 // sessions that delivered, beyond the first
}

// Memory is what a camera holds now, in bytes.
type Memory struct {
	Device DeviceMemory
	Host   int64 // frames and their pool, and queued access units
}

// DeviceMemory is what a camera holds of a GPU's memory now, in bytes.
type DeviceMemory struct {
	Decoder int64 // decoding session with its surfaces, as measured when it was made
	Ring    int64 // frames
	Other   int64
}
