package e2e

import (
	"testing"

	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

// Site is a host with simulated cameras. It lives as long as its test.
type Site struct {
	*camsim.Server

	t     testing.TB
	clips map[string]*testvideo.Clip
}

// NewSite starts a host. Hosts whose cameras refuse logins want an address of their
// own (127.0.0.2:0): the worker counts failed logins by host.
func NewSite(t testing.TB, cfg camsim.Config) *Site {
	t.Helper()
	server, err := camsim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("simulated cameras: %v", err)
		}
	})
	return &Site{Server: server, t: t, clips: map[string]*testvideo.Clip{}}
}

// Clip loads a clip once.
func (s *Site) Clip(name string) *testvideo.Clip {
	s.t.Helper()
	if c := s.clips[name]; c != nil {
		return c
	}
	c, err := testvideo.Load(name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.clips[name] = c
	return c
}

// Camera adds a camera that shows a clip.
func (s *Site) Camera(path, clip string, c camsim.Camera) *camsim.Handle {
	s.t.Helper()
	c.Clip = s.Clip(clip)
	h, err := s.Add(path, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}
