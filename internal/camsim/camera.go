package camsim

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/frameport/frameport/internal/testvideo"
)

// Camera describes a camera to add to a server.
type Camera struct {
	Clip     *testvideo.Clip // what it shows, in a loop
	FPS      float64         // pictures per second, 0 = the clip's
	Audio    bool            // a PCMU track beside the video
	Username string          // empty = no login
	Password string
	Auth     AuthScheme    // what it offers; 0 = digest with MD5 if there is a user name
	Timeout  time.Duration // of sessions without a request, 0 = 60 s
	// ReportInterval is the time between sender reports, 0 = 5 s. The first one
	// goes out with the first picture after each PLAY.
	ReportInterval time.Duration
	// OnSend is called for every picture just before it is sent, on the camera's
	// goroutine. It must return quickly.
	OnSend    func(Sent)
	Behaviour Behaviour
}

// Sent tells which picture was sent when.
type Sent struct {
	Camera    int       // number in the bar code
	Frame     int       // number in the bar code
	Key       bool      // decoding can begin here
	Index     uint64    // pictures sent before this one since the camera was added
	Timestamp uint32    // of RTP
	Time      time.Time // when it was due, the time the sender reports give it
	Left      time.Time // when it went to the network, a little later
}

// Stats are one camera's counters.
type Stats struct {
	Dials        uint64 // connections whose first request named the camera
	Describes    uint64 // DESCRIBE requests, whatever the answer
	Plays        uint64 // PLAY requests that were granted
	Teardowns    uint64
	Keepalives   uint64 // OPTIONS, GET_PARAMETER and SET_PARAMETER within a session
	FailedLogins uint64 // wrong credentials; no or stale ones are not counted
	BasicLogins  uint64 // requests with a password in clear
	Answers      uint64 // to requests that a behaviour sent
	Refused      uint64 // SETUP requests beyond MaxSessions
	Redirects    uint64
	OpenSessions int    // sessions that play now
	Units        uint64 // pictures sent to at least one viewer
	Packets      uint64 // RTP packets made for them, lost ones included
	BytesSent    uint64 // RTP and RTCP, to all viewers together
	Overflows    uint64 // pictures a viewer lost because it did not take its data
	Last         Sent   // zero before the first
}

// Handle is a camera on a server. Its methods may be called from any goroutine.
type Handle struct {
	server *Server
	path   string
	cfg    Camera
	born   time.Time
	base   uint32 // RTP timestamp at born
	ssrc   [2]uint32
	group  group

	mu        sync.Mutex
	behaviour Behaviour
	stats     Stats
	viewers   map[*viewer]struct{}
	sessions  int         // that count for MaxSessions
	lingering []time.Time // until when lost sessions count as well
	since     uint64      // stats.Units when the first viewer of now came
	running   bool        // the stream's goroutine is there
	restart   bool        // the stream is to begin its clip anew
	sequence  [2]uint16
	sent      [2]senderCount
	reportDue time.Time
	wake      chan struct{} // ends the stream's wait when its last viewer left
}

// senderCount is what sender reports say about the past.
type senderCount struct{ packets, bytes uint32 }

func newHandle(s *Server, path string, c Camera) (*Handle, error) {
	if c.Clip == nil {
		return nil, errors.New("no clip, load one with testvideo.Load")
	}
	if c.FPS == 0 {
		c.FPS = c.Clip.FPS
	}
	if c.FPS <= 0 || c.FPS > 1000 {
		return nil, errors.New("frame rate is not between 0 and 1000")
	}
	if c.Auth == 0 && c.Username != "" {
		c.Auth = AuthDigestMD5
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.ReportInterval == 0 {
		c.ReportInterval = 5 * time.Second
	}
	if _, err := s.packetized(c.Clip, false); err != nil {
		return nil, err
	}
	return &Handle{
		server: s, path: path, cfg: c, born: time.Now(), base: rand.Uint32(), group: newGroup(),
		ssrc:      [2]uint32{rand.Uint32() | 1, rand.Uint32() | 1},
		sequence:  [2]uint16{uint16(rand.Uint32()), uint16(rand.Uint32())},
		behaviour: c.Behaviour.clone(),
		viewers:   map[*viewer]struct{}{},
		wake:      make(chan struct{}, 1),
	}, nil
}

// URL is the camera's address, without credentials.
func (h *Handle) URL() string {
	scheme := "rtsp://"
	if h.server.cert != nil {
		scheme = "rtsps://"
	}
	return scheme + h.server.Addr() + h.path
}

// Set changes the camera's behaviour.
func (h *Handle) Set(change func(*Behaviour)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.behaviour.clone() // requests in progress keep the old one
	change(&b)
	h.behaviour = b
}

// Stats returns the camera's counters.
func (h *Handle) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.OpenSessions = len(h.viewers)
	return s
}

// DropMode is how a connection ends.
type DropMode uint8

// A camera that closes ends with FIN; one that lost its state resets. One whose power or
// network went away is silent: the connection stays and nothing comes over it. Within a
// packet, over TCP, it ends with FIN a few bytes before the end of the next picture.
const (
	DropFIN DropMode = iota
	DropRST
	DropSilent
	DropWithinPacket
)

// Drop ends all connections to the camera, without any message. Later ones are good.
func (h *Handle) Drop(mode DropMode) {
	h.server.mu.Lock()
	conns := h.server.connsLocked(h)
	h.server.mu.Unlock()
	for _, c := range conns {
		switch mode {
		case DropSilent:
			c.silent.Store(true)
		case DropWithinPacket:
			c.cut.Store(true)
		case DropFIN, DropRST:
			c.drop(mode)
		}
	}
}

// now returns the behaviour of this moment. It is not to be changed.
func (h *Handle) now() Behaviour {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.behaviour
}

func (h *Handle) count(change func(*Stats)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.stats)
}

// clip is what the camera shows with a behaviour.
func (h *Handle) clip(b *Behaviour) *testvideo.Clip {
	if b.Clip != nil {
		return b.Clip
	}
	return h.cfg.Clip
}

// timestamp is the RTP timestamp of a moment at a clock rate.
func (h *Handle) timestamp(t time.Time, rate int) uint32 {
	d := t.Sub(h.born)
	whole := int64(d / time.Second)
	part := int64(d % time.Second)
	return h.base + uint32(whole*int64(rate)+(part*int64(rate)+int64(time.Second)/2)/int64(time.Second))
}

// Clip is what the camera shows now.
func (h *Handle) Clip() *testvideo.Clip {
	b := h.now()
	return h.clip(&b)
}
