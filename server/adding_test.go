package server

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
)

// Cameras that are being added count, and nobody waits for those of others.
func TestCamerasOfATokenWhileTheyAreSaved(t *testing.T) {
	keys, err := auth.OpenKeys(authtest.File(t, tokenFile("name: tenant, role: control, cameras: {labels: site=east}, max_cameras: 2, hash: "+authtest.Hash("tenant-token"))))
	if err != nil {
		t.Fatal(err)
	}
	cameras := newFakeCameras(t)
	entered, saved := make(chan string), make(chan struct{})
	cameras.adding = func(id string) {
		entered <- id
		<-saved
	}
	h := newHarness(t, cameras, newFakeRenderer(10), func(c *Config) { c.Access = &auth.Gate{Keys: keys} })
	add := h.adding("tenant")
	results := make(chan error)
	for _, id := range []string{"a", "b", "b"} { // the last one is sent again
		go func() { results <- add(id, "east") }()
		if got := <-entered; got != id {
			t.Errorf("%s is being added, want %s", got, id)
		}
	}
	wantReason(t, add("c", "east"), codes.ResourceExhausted, apierr.TooManyClientCameras)
	close(saved)
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	cameras.adding = nil
	wantReason(t, add("c", "east"), codes.ResourceExhausted, apierr.TooManyClientCameras)
	if err := cameras.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := add("c", "east"); err != nil {
		t.Errorf("a camera that is not being added any more counts: %v", err)
	}
}
