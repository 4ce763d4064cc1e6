package server

import (
	"context"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/render"
)

// Cameras is what the services need of the cameras. All methods may be called from
// many goroutines; only Remove and a change that must be saved may take long.
// [Manager] makes one of a *camera.Manager, whose documentation has the contract.
type Cameras interface {
	Add(ctx context.Context, id string, spec config.Camera) (camera.Snapshot, error)
	Update(ctx context.Context, id string, change func(config.Camera) (config.Camera, error)) (camera.Snapshot, error)
	Remove(ctx context.Context, id string) error
	Get(id string) (camera.Snapshot, error)
	List() []camera.Snapshot
	Feed(id string) (Feed, error)
	Watch(ch chan<- struct{}) (stop func())
}

// Feed is one camera's frames. It stays valid when the camera is removed: its ring
// is then closed.
type Feed interface {
	ID() string
	Ring() *frame.Ring
	Snapshot() camera.Snapshot
	// Share asks for frames in memory that other processes can map, with room for so
	// many that they hold at a time. What several callers ask for adds up. end takes it
	// back and may be called more than once.
	Share(frames int) (end func())
	// ShareErr is why there is no such memory, or not as much as was asked for; nil while
	// there is, nobody asked, or it could not be made yet.
	ShareErr() error
}

// Renderer makes pictures of frames, one for all callers that want the same of the
// same frame. The picture's bytes never change.
type Renderer interface {
	Render(ctx context.Context, f *frame.Frame, out render.Output) (*render.Picture, error)
}

// Manager makes [Cameras] of a camera manager.
func Manager(m *camera.Manager) Cameras { return manager{m} }

type manager struct{ *camera.Manager }

func (m manager) Feed(id string) (Feed, error) {
	f, err := m.Manager.Feed(id)
	if err != nil {
		return nil, err
	}
	return f, nil
}
