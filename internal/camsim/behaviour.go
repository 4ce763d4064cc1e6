package camsim

import (
	"maps"
	"slices"
	"time"

	"github.com/frameport/frameport/internal/testvideo"
)

// Behaviour is how a camera departs from what is right. The zero value is a good
// camera. It may be changed at any time with [Handle.Set] and then holds from the
// next request or picture on.
type Behaviour struct {
	// Answers to requests.

	Refuse        bool           // reset the connection at its first request
	Hang          bool           // read requests and answer none, send nothing
	Delay         time.Duration  // wait before every answer
	NoAnswer      []string       // methods that are never answered
	Status        map[string]int // status code per method instead of doing it ("" = every method)
	RedirectTo    string         // Location of a 302 answer to DESCRIBE
	RejectLogins  bool           // 401 whatever the credentials are
	BareChallenge bool           // 401 answers carry no WWW-Authenticate
	StaleAfter    int            // a nonce is stale after this many requests (0 = never)
	NonceLife     time.Duration  // a nonce is stale after this time (0 = never)
	NoTCP, NoUDP  bool           // 461 to SETUP with that transport
	NoMulticast   bool           // 461 to SETUP with multicast
	UDPSilent     bool           // answer SETUP for UDP and multicast and send nothing over them
	AnswerTCP     bool           // answer a SETUP that asks for UDP with a TCP transport
	ChannelShift  int            // added to the interleaved channels that were asked for
	MaxSessions   int            // 453 to SETUP while there are as many sessions (0 = no limit)
	Linger        time.Duration  // how long a session counts after its connection was lost without TEARDOWN
	AnySession    bool           // take requests with any name of a session
	// Respond changes answers, see Note: [Hooks].
	Respond func(Request, *Reply)

	// Session description.

	SDP             SDPVariant
	RawSDP          string // this text instead, whatever SDP says
	StripParameters bool   // no parameter sets in band: they are in the SDP only
	HugePicture     bool   // parameter sets of 16384x16384, in the SDP and in band

	// Media.

	Freeze          bool            // send no RTP and no RTCP, answer everything
	Clip            *testvideo.Clip // another clip from its first picture on (nil = the camera's own)
	Loss            float64         // probability that a packet is lost
	Duplicate       float64         // probability that a packet is sent twice
	Reorder         float64         // probability that a packet changes places with the next
	Seed            uint64          // of the three above
	SequenceOffset  uint16          // added to every RTP sequence number: changing it is a jump
	TimestampOffset uint32          // added to every RTP timestamp: changing it is a jump
	SSRC            uint32          // 0 = the camera's own
	Marker          MarkerVariant
	Report          ReportVariant
	ReportOffset    time.Duration // of ReportShifted: how far the camera's clock is ahead
	// Packets changes the packets of a picture and Reports a sender report: it returns
	// the RTCP packets to send. See Note: [Hooks].
	Packets func(Picture, []Packet) []Packet
	Reports func(report []byte) [][]byte
}

func (b Behaviour) clone() Behaviour {
	b.NoAnswer = slices.Clone(b.NoAnswer)
	b.Status = maps.Clone(b.Status)
	return b
}

// SDPVariant is what the answer to DESCRIBE holds.
type SDPVariant uint8

// The session descriptions cameras have been seen to send.
const (
	SDPGood              SDPVariant = iota
	SDPNoParameters                 // no parameter sets: they come in band only
	SDPInvalidParameters            // parameter sets that cannot be read
	SDPAudioOnly                    // no video track, one audio track
	SDPUnsupported                  // a video track of a codec nobody asked for
	SDPEmpty                        // no track at all
)

// MarkerVariant says which RTP packets have the marker bit.
type MarkerVariant uint8

// The marker bit belongs on the last packet of an access unit; cameras differ.
const (
	MarkerLast  MarkerVariant = iota // last packet of each access unit
	MarkerEvery                      // last packet of each NAL unit
	MarkerNever
)

// ReportVariant says what RTCP sender reports tell.
type ReportVariant uint8

// The clocks of cameras.
const (
	ReportGood    ReportVariant = iota // the true time
	ReportNone                         // no sender reports
	Report1970                         // a clock that began at 1970 when the camera was added
	ReportShifted                      // the true time plus Behaviour.ReportOffset
)
