package camsim

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/internal/testvideo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func load(t *testing.T, name string) *testvideo.Clip {
	t.Helper()
	c, err := testvideo.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func add(t *testing.T, s *Server, path string, c Camera) *Handle {
	t.Helper()
	h, err := s.Add(path, c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
