//go:build peers

package peers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
)

// site is a worker without its servers: cameras, sources, decoders.
type site struct {
	t       *testing.T
	manager *camera.Manager

	mu   sync.Mutex
	taps map[string][]*tap // by URL
}

// tap sees what a source hands to its camera.
type tap struct {
	*rtsp.Source

	mu     sync.Mutex
	firsts []media.AccessUnit // of each session, without data
}

// Run notes the first unit of the session on its way.
func (s *tap) Run(ctx context.Context, sink func(*media.AccessUnit) error) error {
	first := true
	return s.Source.Run(ctx, func(u *media.AccessUnit) error {
		if first {
			first = false
			note := *u
			note.Data = nil // valid during the call only
			s.mu.Lock()
			s.firsts = append(s.firsts, note)
			s.mu.Unlock()
		}
		return sink(u)
	})
}

// newSite runs a worker until the test ends, and then checks that nothing is left.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteWith(t, rtsp.Timeouts{})
}

// newSiteWith is newSite with other timeouts than the product's.
func newSiteWith(t *testing.T, timeouts rtsp.Timeouts) *site {
	t.Helper()
	account := &frame.Account{}
	b, err := backend.New(t.Context(), backend.Config{Kind: config.BackendCPU, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, taps: map[string][]*tap{}}
	logins, dials := rtsp.NewLoginBudget(), rtsp.NewDialLimiter(0, 0)
	s.manager = camera.NewManager(camera.ManagerConfig{
		NewSource: func(c config.Camera, log *slog.Logger) (camera.Source, error) {
			source, err := newSource(c, log, logins, dials, timeouts)
			if err != nil {
				return nil, err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			tapped := &tap{Source: source}
			s.taps[c.URL] = append(s.taps[c.URL], tapped)
			return tapped, nil
		},
		NewDecoder: b.NewDecoder,
		Account:    account,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.manager.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("manager: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if account.Frames() != 0 || account.Bytes() != 0 {
			t.Errorf("left: %d frames, %d bytes", account.Frames(), account.Bytes())
		}
	})
	return s
}

func newSource(c config.Camera, log *slog.Logger, logins *rtsp.LoginBudget, dials *rtsp.DialLimiter, timeouts rtsp.Timeouts) (*rtsp.Source, error) {
	u, _, err := rtsp.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	tls := rtsp.TLS{Mode: rtsp.TLSVerify, PinSHA256: c.TLS.PinSHA256}
	if c.TLS.Mode == config.TLSPin {
		tls.Mode = rtsp.TLSPin
	}
	return rtsp.New(rtsp.Config{
		URL: u, Username: c.Username, Password: c.Password, Transport: transport(c.Transport), TLS: tls,
		Logger: log, Logins: logins, Dials: dials, Timeouts: timeouts,
	})
}

func transport(t config.Transport) rtsp.Transport {
	switch t {
	case config.TransportTCP:
		return rtsp.TransportTCP
	case config.TransportUDP:
		return rtsp.TransportUDP
	case config.TransportMulticast:
		return rtsp.TransportMulticast
	case config.TransportHTTP:
		return rtsp.TransportHTTP
	case config.TransportWebSocket:
		return rtsp.TransportWebSocket
	default:
		return rtsp.TransportAuto
	}
}

// add adds a camera and returns a reader of its frames.
func (s *site) add(id string, spec config.Camera) *reader {
	s.t.Helper()
	if _, err := s.manager.Add(s.t.Context(), id, spec); err != nil {
		s.t.Fatal(err)
	}
	feed, err := s.manager.Feed(id)
	if err != nil {
		s.t.Fatal(err)
	}
	return &reader{t: s.t, feed: feed}
}

func (s *site) remove(id string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.manager.Remove(ctx, id); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for a camera to be as ok says.
func (s *site) until(id, what string, ok func(camera.Snapshot) bool) camera.Snapshot {
	s.t.Helper()
	nudge := make(chan struct{}, 1)
	defer s.manager.Watch(nudge)()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		snap, err := s.manager.Get(id)
		if err != nil {
			s.t.Fatal(err)
		}
		if ok(snap) {
			return snap
		}
		select {
		case <-nudge:
		case <-deadline.C:
			s.t.Fatalf("%s is not %s after %v: %+v", id, what, patience, snap)
		}
	}
}

// firsts returns the first access unit of every session with a URL.
func (s *site) firsts(url string) []media.AccessUnit {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []media.AccessUnit
	for _, t := range s.taps[url] {
		t.mu.Lock()
		all = append(all, t.firsts...)
		t.mu.Unlock()
	}
	return all
}
