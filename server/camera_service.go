package server

import (
	"context"
	"errors"

	"google.golang.org/grpc/peer"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/server/mapping"
)

type cameraService struct {
	frameportv1.UnimplementedCameraServiceServer
	*Server
}

// AddCamera implements the RPC.
func (s *cameraService) AddCamera(ctx context.Context, r *frameportv1.AddCameraRequest) (*frameportv1.AddCameraResponse, error) {
	problems := &config.Problems{}
	if err := config.ValidCameraID(r.GetCameraId()); err != nil {
		problems = appendProblems(problems, err)
	}
	if r.GetSpec() == nil {
		problems.Add("spec", string(apierr.SpecRequired), "is missing; give at least spec.url")
		return nil, problems
	}
	spec, err := mapping.NewSpec(r.GetSpec())
	if problems = appendProblems(problems, err); len(problems.List) > 0 {
		return nil, problems
	}
	if err := s.authorize(ctx, Control, r.GetCameraId()); err != nil {
		return nil, err
	}
	snapshot, err := s.cfg.Cameras.Add(ctx, r.GetCameraId(), spec)
	if err != nil {
		return nil, s.cameraError(r.GetCameraId(), err)
	}
	s.audit(ctx, "camera added", r.GetCameraId())
	return &frameportv1.AddCameraResponse{Camera: mapping.Camera(snapshot)}, nil
}

// GetCamera implements the RPC.
func (s *cameraService) GetCamera(ctx context.Context, r *frameportv1.GetCameraRequest) (*frameportv1.GetCameraResponse, error) {
	if err := config.ValidCameraID(r.GetCameraId()); err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, View, r.GetCameraId()); err != nil {
		return nil, err
	}
	snapshot, err := s.cfg.Cameras.Get(r.GetCameraId())
	if err != nil {
		return nil, s.cameraError(r.GetCameraId(), err)
	}
	return &frameportv1.GetCameraResponse{Camera: mapping.Camera(snapshot)}, nil
}

// UpdateCamera implements the RPC.
func (s *cameraService) UpdateCamera(ctx context.Context, r *frameportv1.UpdateCameraRequest) (*frameportv1.UpdateCameraResponse, error) {
	if err := config.ValidCameraID(r.GetCameraId()); err != nil {
		return nil, err
	}
	change, err := mapping.Change(r.GetSpec(), r.GetUpdateMask())
	if path, ok := errors.AsType[*mapping.PathError](err); ok {
		return nil, invalid(apierr.UnknownFieldPath, "update_mask", "%s", path)
	}
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, Control, r.GetCameraId()); err != nil {
		return nil, err
	}
	snapshot, err := s.cfg.Cameras.Update(ctx, r.GetCameraId(), change)
	if err != nil {
		return nil, s.cameraError(r.GetCameraId(), err)
	}
	s.audit(ctx, "camera updated", r.GetCameraId())
	return &frameportv1.UpdateCameraResponse{Camera: mapping.Camera(snapshot)}, nil
}

// RemoveCamera implements the RPC.
func (s *cameraService) RemoveCamera(ctx context.Context, r *frameportv1.RemoveCameraRequest) (*frameportv1.RemoveCameraResponse, error) {
	if err := config.ValidCameraID(r.GetCameraId()); err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, Control, r.GetCameraId()); err != nil {
		return nil, err
	}
	if err := s.cfg.Cameras.Remove(ctx, r.GetCameraId()); err != nil {
		return nil, s.cameraError(r.GetCameraId(), err)
	}
	s.audit(ctx, "camera removed", r.GetCameraId())
	return &frameportv1.RemoveCameraResponse{}, nil
}

// authorize asks the authorizer. A caller who may not see a camera is told that it
// does not exist. See Note: [Authorisation in the handler].
func (s *Server) authorize(ctx context.Context, p Permission, id string) error {
	err := s.cfg.Authorizer.Authorize(ctx, p, id)
	if err == nil {
		return nil
	}
	s.cfg.Logger.WarnContext(ctx, "refused", "camera", id, "error", err)
	return notFound(id)
}

// visible reports whether the caller may see a camera that it did not name.
func (s *Server) visible(ctx context.Context, id string) bool {
	return s.cfg.Authorizer.Authorize(ctx, View, id) == nil
}

// cameraError puts the camera's id into errors that are about it.
func (s *Server) cameraError(id string, err error) error {
	switch {
	case errors.Is(err, camera.ErrNotFound):
		return notFound(id)
	case errors.Is(err, camera.ErrRemoved):
		return removed(id)
	default:
		return err
	}
}

// audit writes who changed what, from where. Specs are left out: they are long,
// and the next field that is added to them may be a secret.
func (s *Server) audit(ctx context.Context, what, id string) {
	from := "unknown"
	if p, ok := peer.FromContext(ctx); ok {
		from = p.Addr.String()
	}
	s.cfg.Logger.InfoContext(ctx, what, "camera", id, "from", from)
}

// appendProblems adds err's problems to p; an error of another kind is none of them
// and must not occur here.
func appendProblems(p *config.Problems, err error) *config.Problems {
	if more, ok := errors.AsType[*config.Problems](err); ok {
		p.List = append(p.List, more.List...)
	}
	return p
}
