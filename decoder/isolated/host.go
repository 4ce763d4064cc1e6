package isolated

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/frameport/frameport/decoder"
)

// Defaults of [Config], and the largest number of cameras to a child.
const (
	DefaultCameras  = 16
	MaxCameras      = 256
	DefaultPatience = 2 * time.Second
)

// startPatience is how long a child may take until it is ready.
const startPatience = 15 * time.Second

// quickDeath is the life of a child below which no other one is started in advance.
const quickDeath = time.Second

// maxTries is how many children may die before a decoder is in one.
const maxTries = 3

// Config says how a [Host] works.
type Config struct {
	// Command starts a child; empty = this program with [Argument].
	Command []string
	// Cameras is how many decoders a child has at most; 0 = [DefaultCameras].
	Cameras int
	// Patience is how long a child may take over one access unit; 0 = [DefaultPatience].
	Patience time.Duration
	// Logger is told what becomes of children, and what they say; nil = nobody.
	Logger *slog.Logger
}

// Host has the children. It may be used by many goroutines.
type Host struct {
	cfg Config

	running sync.WaitGroup // goroutines of children
	record  record

	mu        sync.Mutex
	closed    bool
	next      int // number of a child
	processes []*process
	restarts  uint64
}

// NewHost returns a host without children: they start with the first decoder.
func NewHost(cfg Config) *Host {
	if len(cfg.Command) == 0 {
		// Also right when the file was replaced meanwhile.
		cfg.Command = []string{"/proc/self/exe", Argument}
	}
	if cfg.Cameras == 0 {
		cfg.Cameras = DefaultCameras
	}
	if cfg.Patience == 0 {
		cfg.Patience = DefaultPatience
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Host{cfg: cfg, record: record{now: time.Now, streams: make(map[string]*suspicion)}}
}

// Try starts a child, if there is none, and waits until it is ready. It says whether
// this machine can isolate decoders.
func (h *Host) Try(ctx context.Context) error {
	l, err := h.open(ctx, "", nil)
	if err != nil {
		return err
	}
	h.leave(l)
	return nil
}

// Forgive forgets what a camera's stream has done: it may be another one now.
func (h *Host) Forgive(camera string) { h.record.forgive(camera) }

// ProcessStatus is one child as it is now.
type ProcessStatus struct {
	Number int // counts from 1, never used twice
	PID    int // 0 = it is starting
	// Alone: it is for one stream that has ended another child.
	Alone   bool
	Cameras []string
}

// Status is what a host has.
type Status struct {
	Processes   []ProcessStatus
	Restarts    uint64 // children that ended and were not meant to
	Quarantined int    // streams
}

// Status may be called at any time.
func (h *Host) Status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{Restarts: h.restarts, Quarantined: h.record.quarantined()}
	for _, p := range h.processes {
		status := ProcessStatus{Number: p.number, PID: p.pid, Alone: p.alone}
		for l := range p.links {
			status.Cameras = append(status.Cameras, l.camera)
		}
		slices.Sort(status.Cameras)
		s.Processes = append(s.Processes, status)
	}
	return s
}

// Close ends all children and waits for them. Decoders must have been closed before;
// frames may be left. Calls after the first do nothing.
func (h *Host) Close() error {
	h.mu.Lock()
	var left int
	if !h.closed {
		for _, p := range h.processes {
			left += len(p.links)
			p.endLocked()
		}
	}
	h.closed = true
	h.mu.Unlock()
	h.running.Wait()
	if left > 0 {
		return fmt.Errorf("%d decoders in other processes were not closed", left)
	}
	return nil
}

// open connects a decoder with a child that has room.
func (h *Host) open(ctx context.Context, camera string, m *memory) (*link, error) {
	for tries := 1; ; tries++ {
		l, err := h.place(camera, m)
		if err != nil {
			return nil, err
		}
		err = l.connect(ctx)
		if err == nil {
			return l, nil
		}
		h.leave(l)
		if !errors.Is(err, errGone) || tries == maxTries {
			return nil, err
		}
		// It was there when it was chosen and has died since.
	}
}

// place finds room for a decoder. A stream under suspicion gets a child of its own.
func (h *Host) place(camera string, m *memory) (*link, error) {
	suspect, err := h.record.judge(camera)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, decoder.ErrClosed
	}
	var p *process
	for _, q := range h.processes {
		if !suspect && !q.alone && !q.ending && len(q.links) < h.cfg.Cameras {
			p = q
			break
		}
	}
	if p == nil {
		p = h.startLocked(suspect)
	}
	l := &link{process: p, camera: camera, memory: m}
	p.links[l] = struct{}{}
	return l, nil
}

func (h *Host) startLocked(alone bool) *process {
	h.next++
	p := &process{
		number: h.next, alone: alone, places: h.cfg.Cameras, links: make(map[*link]struct{}),
		ready: make(chan struct{}), dead: make(chan struct{}), born: time.Now(),
	}
	if alone {
		p.places = 1
	}
	h.processes = append(h.processes, p)
	h.running.Go(func() { h.supervise(p) })
	return p
}

// leave gives a decoder's place back. One child is kept for who comes next; others that
// are empty end.
func (h *Host) leave(l *link) {
	l.close()
	h.mu.Lock()
	defer h.mu.Unlock()
	p := l.process
	delete(p.links, l)
	if len(p.links) > 0 || p.ending {
		return
	}
	for _, q := range h.processes {
		if p.alone || q != p && !q.alone && !q.ending && len(q.links) < h.cfg.Cameras {
			p.endLocked()
			return
		}
	}
}

// blame ends the child of a decoder, for a reason that is this decoder's alone.
func (h *Host) blame(l *link, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := l.process; p.cause == "" {
		p.cause, p.guilty = why, l
		p.killLocked()
	}
}

// ended takes a child off that has ended, and says who is to blame.
func (h *Host) ended(p *process, end ending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.processes = slices.DeleteFunc(h.processes, func(q *process) bool { return q == p })
	end = p.overate(end)
	p.worked = p.greeted
	p.err = fmt.Errorf("decoder process %d has ended: %s", p.number, end.text)
	if p.cause != "" {
		if p.guilty == nil && end.said != "" {
			p.cause += ": " + end.said
		}
		p.err = fmt.Errorf("decoder process %d was ended: %s", p.number, p.cause)
	}
	if p.ending {
		return
	}
	var cameras, blamed []string
	for l := range p.links {
		cameras = append(cameras, l.camera)
		switch {
		case l == p.guilty, p.guilty == nil && end.ownDoing && (l.busy.Load() || p.alone && l.there.Load()):
			blamed = append(blamed, l.camera)
			h.record.blame(l.camera, p.err.Error())
		case p.guilty != nil || end.ownDoing && l.there.Load():
			h.record.near(l.camera)
		}
	}
	h.restarts++
	h.cfg.Logger.Warn("decoder process ended", "process", p.number, "pid", p.pid, "reason", p.err, "said", end.said,
		"cameras", cameras, "blamed", blamed)
	if !h.closed && !p.alone && len(cameras) > 0 && time.Since(p.born) > quickDeath {
		h.startLocked(false) // so that it is there when they want it
	}
}
