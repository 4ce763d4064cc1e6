package server

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
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
	if !auth.FromContext(ctx).Sees(Control, r.GetCameraId(), spec.Labels) {
		s.noteRefused(ctx, frameportv1.CameraService_AddCamera_FullMethodName, apierr.PermissionDenied)
		return nil, outOfScope(auth.FromContext(ctx), r.GetCameraId())
	}
	snapshot, err := s.add(ctx, frameportv1.CameraService_AddCamera_FullMethodName, r.GetCameraId(), spec.Labels, func() (camera.Snapshot, error) {
		return s.cfg.Cameras.Add(ctx, r.GetCameraId(), spec)
	})
	if err != nil {
		return nil, s.cameraError(r.GetCameraId(), err)
	}
	return &frameportv1.AddCameraResponse{Camera: s.describe(ctx, snapshot)}, nil
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
	return &frameportv1.GetCameraResponse{Camera: s.describe(ctx, snapshot)}, nil
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
	if err := s.costs(ctx, frameportv1.CameraService_UpdateCamera_FullMethodName, s.cfg.Clients.Change(caller(ctx))); err != nil {
		return nil, err
	}
	snapshot, err := s.cfg.Cameras.Update(ctx, r.GetCameraId(), within(ctx, r.GetCameraId(), change))
	if reason, _ := apierr.ReasonOf(err); reason == apierr.PermissionDenied {
		s.noteRefused(ctx, frameportv1.CameraService_UpdateCamera_FullMethodName, reason)
	}
	if err != nil {
		return nil, s.cameraError(r.GetCameraId(), err)
	}
	return &frameportv1.UpdateCameraResponse{Camera: s.describe(ctx, snapshot)}, nil
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
	return &frameportv1.RemoveCameraResponse{}, nil
}

// describe is what the caller is told of a camera. Where it is and the user name there
// are for those who may change it.
func (s *Server) describe(ctx context.Context, c camera.Snapshot) *frameportv1.Camera {
	m := mapping.Camera(Disclosed(auth.FromContext(ctx), c))
	if !auth.FromContext(ctx).Sees(Control, c.ID, c.Spec.Labels) {
		m.Spec.Url, m.Spec.Credentials = "", nil
	}
	return m
}

// within is change, for cameras that the caller may change and still may afterwards.
func within(ctx context.Context, id string, change func(config.Camera) (config.Camera, error)) func(config.Camera) (config.Camera, error) {
	caller := auth.FromContext(ctx)
	return func(before config.Camera) (config.Camera, error) {
		if !caller.Sees(Control, id, before.Labels) { // it was given other labels this moment
			return before, notFound(id)
		}
		after, err := relocated(caller, before, change)
		if err == nil && !caller.Sees(Control, id, after.Labels) {
			err = outOfScope(caller, id)
		}
		return after, err
	}
}

// outOfScope refuses a camera that the caller would not see afterwards. What the caller's
// own cameras are is no secret.
func outOfScope(caller *auth.Identity, id string) error {
	text := "this token is for certain cameras, and one with this id and these labels is none of them; it is for " + caller.Scope()
	return apierr.New(codes.PermissionDenied, apierr.PermissionDenied, text, apierr.Field("spec.labels", text), apierr.Meta(apierr.MetaCameraID, id))
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

// appendProblems adds err's problems to p; an error of another kind is none of them
// and must not occur here.
func appendProblems(p *config.Problems, err error) *config.Problems {
	if more, ok := errors.AsType[*config.Problems](err); ok {
		p.List = append(p.List, more.List...)
	}
	return p
}
