package main

import (
	"crypto/rand"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
)

// instance is this run of the worker as WorkerService describes it.
type instance struct {
	id      string
	started time.Time
	backend *backend.Backend
	max     int
	account *frame.Account
	access  *access
	// reflection is served.
	reflection bool
}

func newInstance(started time.Time, b *backend.Backend, s config.Worker, account *frame.Account, a *access) instance {
	return instance{id: rand.Text(), started: started, backend: b, max: s.MaxCameras, account: account, access: a, reflection: !s.Login() || s.Reflection}
}

// worker makes the part of the worker's description that the server doesn't know.
func (i instance) worker() *frameportv1.Worker {
	limits, choice := decoder.DefaultLimits(), i.backend.Choice
	return &frameportv1.Worker{
		Version:    versionText(),
		InstanceId: i.id,
		StartTime:  timestamppb.New(i.started),
		Uptime:     durationpb.New(time.Since(i.started)), // of a clock that nobody sets
		Backend: &frameportv1.BackendStatus{
			Kind:      backendKinds[choice.Kind],
			Requested: backendKinds[choice.Requested],
			Reason:    choice.Reason,
			Notes:     choice.Notes,
		},
		Limits: &frameportv1.WorkerLimits{
			MaxCameras:       int32(i.max),
			MaxPictureWidth:  int32(limits.MaxWidth),
			MaxPictureHeight: int32(limits.MaxHeight),
			MaxPicturePixels: int64(limits.MaxPixels),
		},
		Access:         i.access.status(),
		FrameHostBytes: i.account.Bytes(),
		LiveFrames:     i.account.Frames(),
		Devices:        devices(i.backend.Devices()),
	}
}

var backendKinds = map[config.BackendKind]frameportv1.BackendKind{
	config.BackendAuto: frameportv1.BackendKind_BACKEND_KIND_AUTO,
	config.BackendCUDA: frameportv1.BackendKind_BACKEND_KIND_CUDA,
	config.BackendCPU:  frameportv1.BackendKind_BACKEND_KIND_CPU,
}
