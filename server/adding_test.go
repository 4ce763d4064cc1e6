package server

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
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
	for _, id := range []string{"a", "b"} {
		go func() { results <- add(id, "east") }()
		if got := <-entered; got != id {
			t.Errorf("%s is being added, want %s", got, id)
		}
	}
	wantReason(t, add("c", "east"), codes.ResourceExhausted, apierr.TooManyClientCameras)
	close(saved)
	for range 2 {
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

// A password can't be guessed while its camera is being added either: one guess of those
// that come meanwhile may be judged, for nobody knows then that there is anything to guess.
func TestGuessingWhileACameraIsSaved(t *testing.T) {
	cameras := newFakeCameras(t)
	entered := make(chan chan struct{}) // who adds now; closed, it goes on
	cameras.adding = func(string) {
		goOn := make(chan struct{})
		entered <- goOn
		<-goOn
	}
	h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t))
	conns := map[string]*grpc.ClientConn{"controller": h.as("controller"), "boss": h.as("boss")}
	add := func(who, password string) error {
		_, err := frameportv1.NewCameraServiceClient(conns[who]).AddCamera(t.Context(), &frameportv1.AddCameraRequest{CameraId: "door", Spec: &frameportv1.CameraSpec{
			Url: "rtsp://192.0.2.1/", Credentials: &frameportv1.Credentials{Username: "admin", Password: password},
		}})
		return err
	}
	owner := make(chan error)
	go func() { owner <- add("boss", "c4nary") }()
	saved := <-entered
	const tries = 20
	guesses := make(chan error)
	for i := range tries {
		go func() { guesses <- add("controller", fmt.Sprint("guess-", i)) }()
	}
	first := <-entered
	close(saved)
	if err := <-owner; err != nil {
		t.Fatal(err)
	}
	close(first)
	told := 0
	for n := 0; n < tries; {
		select {
		case next := <-entered:
			close(next)
		case err := <-guesses:
			n++
			wantReason(t, err, codes.AlreadyExists, apierr.CameraAlreadyExists)
			if strings.Contains(err.Error(), "with another spec") {
				told++
			}
		}
	}
	if told != maxGuesses+1 {
		t.Errorf("%d guesses were judged", told)
	}
}
