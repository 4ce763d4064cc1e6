package server

import (
	"context"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
)

// Permission is what a caller wants to do.
type Permission = auth.Role

// The permissions. View returns pixels or the state of a camera, Control changes the
// set of cameras or a camera's spec, Admin sees the inside of the worker.
const (
	View    = auth.View
	Control = auth.Control
	Admin   = auth.Admin
)

// Access finds out who makes a call. *auth.Gate is one. It is called from many
// goroutines and does no I/O.
type Access interface {
	// Authenticate returns who makes a call that brings e, or an error of package auth.
	Authenticate(e auth.Evidence) (*auth.Identity, error)
	// Watch puts something into ch, which has room for one, when rights of anybody may
	// have changed, until stop is called.
	Watch(ch chan<- struct{}) (stop func())
}

// Note: [Authorisation in the handler]
//
// An interceptor knows the method but not the cameras: they are in the message, or
// chosen by a label selector, or join a stream hours after it began. The checks
// that were forgotten elsewhere were of this kind: one more path to the same
// pixels. Hence the interceptor only finds out who calls and whether the role is
// enough for the method, and every path asks for every camera, at the place where it
// takes the camera's feed or snapshot. It asks again when cameras, labels or rights
// change.

// reflectionV1Alpha is reflection's older name, whose package is deprecated.
const reflectionV1Alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

// Anyone is the permission for what needs no login.
const Anyone = auth.Admin + 1

// access is what each method asks for. A method that is not in it is refused.
func access() map[string]Permission {
	return map[string]Permission{
		frameportv1.CameraService_AddCamera_FullMethodName:    Control,
		frameportv1.CameraService_UpdateCamera_FullMethodName: Control,
		frameportv1.CameraService_RemoveCamera_FullMethodName: Control,
		frameportv1.CameraService_GetCamera_FullMethodName:    View,
		frameportv1.CameraService_ListCameras_FullMethodName:  View,
		frameportv1.CameraService_WatchCameras_FullMethodName: View,

		frameportv1.FrameService_GetFrame_FullMethodName:      View,
		frameportv1.FrameService_WatchFrames_FullMethodName:   View,
		frameportv1.FrameService_StreamFrames_FullMethodName:  View,
		frameportv1.FrameService_StreamBatches_FullMethodName: View,
		frameportv1.FrameService_ShareFrames_FullMethodName:   View,

		frameportv1.InferenceService_StreamInferences_FullMethodName: View,

		// Of the worker itself the details are for Admin; see [Server.worker].
		frameportv1.WorkerService_GetWorker_FullMethodName:   View,
		frameportv1.WorkerService_WatchWorker_FullMethodName: View,
		frameportv1.WorkerService_GetClock_FullMethodName:    View,

		// Supervisors ask for health, and it says nothing about cameras.
		healthv1.Health_Check_FullMethodName: Anyone,
		healthv1.Health_List_FullMethodName:  Anyone,
		healthv1.Health_Watch_FullMethodName: Anyone,

		reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName: View,
		reflectionV1Alpha: View,
	}
}

// authorize says whether the caller may do p with the camera that it named. One that
// it may not see does not exist. See Note: [Authorisation in the handler].
func (s *Server) authorize(ctx context.Context, p Permission, id string) error {
	if s.sees(ctx, p, id) {
		return nil
	}
	return notFound(id)
}

// visible reports whether the caller may see a camera that it did not name.
func (s *Server) visible(ctx context.Context, id string) bool { return s.sees(ctx, View, id) }

func (s *Server) sees(ctx context.Context, p Permission, id string) bool {
	caller := auth.FromContext(ctx)
	if caller.SeesAll() {
		return caller.May(p) == nil
	}
	c, err := s.cfg.Cameras.Get(id)
	// The labels decide, and what is not there has none.
	return err == nil && caller.Sees(p, id, c.Spec.Labels)
}
