package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/camera"
)

// Note: [Whose cameras count]
//
// max_cameras counts the cameras that the entry may change, whoever added them. The
// other way would be to note who added which camera: that would have to be kept in the
// state, declared cameras would have no owner, and what a token that is replaced by
// another has added would be nobody's. Labels and ids say already which cameras are a
// client's, so they are what is counted, and a restart changes nothing.

// adding are the cameras that are being added by callers with a limit. Each is here until
// it is listed or refused, so that many at once are not more than one after the other,
// and nobody waits for another's camera to be saved.
type adding struct {
	mu      sync.Mutex
	cameras []*addedCamera
}

type addedCamera struct {
	id     string
	labels map[string]string
}

// mayAdd asks whether the caller may have one more camera. Its place is the caller's
// until done is called: when the camera is listed, or will not be.
func (s *Server) mayAdd(ctx context.Context, method, id string, labels map[string]string) (done func(), err error) {
	who := auth.FromContext(ctx)
	most, limited := who.MaxCameras()
	if !limited {
		return func() {}, nil
	}
	s.adding.mu.Lock()
	defer s.adding.mu.Unlock()
	theirs := map[string]bool{}
	for _, c := range s.adding.cameras {
		if who.Sees(Control, c.id, c.labels) {
			theirs[c.id] = true
		}
	}
	known := theirs[id]
	for _, c := range s.cfg.Cameras.List() {
		known = known || c.ID == id
		if who.Sees(Control, c.ID, c.Spec.Labels) {
			theirs[c.ID] = true
		}
	}
	if has := len(theirs); has >= most && !known { // what is there is not added again
		s.noteRefused(ctx, method, apierr.TooManyClientCameras)
		return nil, apierr.New(codes.ResourceExhausted, apierr.TooManyClientCameras,
			fmt.Sprintf("this token or certificate is for %d cameras, whoever added them, and may have %d; remove those that are not needed, or ask the worker's operator to raise its max_cameras", has, most),
			apierr.Meta(apierr.MetaLimit, strconv.Itoa(most)), apierr.Meta(apierr.MetaCameraID, id))
	}
	mine := &addedCamera{id, labels}
	s.adding.cameras = append(s.adding.cameras, mine)
	return func() {
		s.adding.mu.Lock()
		defer s.adding.mu.Unlock()
		i := slices.Index(s.adding.cameras, mine)
		s.adding.cameras = slices.Delete(s.adding.cameras, i, i+1)
	}, nil
}

// add adds a camera on the caller's account.
func (s *Server) add(ctx context.Context, method, id string, labels map[string]string, add func() (camera.Snapshot, error)) (camera.Snapshot, error) {
	done, err := s.mayAdd(ctx, method, id, labels)
	if err != nil {
		return camera.Snapshot{}, err
	}
	defer done()
	if err := s.costs(ctx, method, s.cfg.Clients.Change(caller(ctx))); err != nil {
		return camera.Snapshot{}, err
	}
	who := auth.FromContext(ctx)
	if who.May(Admin) == nil {
		return add()
	}
	// No answer before the one before, of the same camera, has been counted.
	defer s.guesses.alone(id)()
	if !s.guessable(who, id) {
		return add()
	}
	if s.guesses.over(id, time.Now()) {
		return camera.Snapshot{}, apierr.New(codes.AlreadyExists, apierr.CameraAlreadyExists,
			"the id is taken, and so many other specs were sent for it that nobody is told for half an hour whether one is equal; change it with UpdateCamera, or remove it first")
	}
	snapshot, err := add()
	if errors.Is(err, camera.ErrExists) {
		s.guesses.wrong(id, time.Now())
	}
	return snapshot, err
}

// guessable says whether adding a camera again would tell the caller whether a guess of
// its password is right.
func (s *Server) guessable(who *auth.Identity, id string) bool {
	have, err := s.cfg.Cameras.Get(id)
	return err == nil && have.Spec.Password.IsSet() && who.Sees(Control, id, have.Spec.Labels)
}
