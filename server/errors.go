package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
)

// restartDelay is what a client is told to wait after SHUTTING_DOWN.
const restartDelay = time.Second

// statusOf turns an error of any layer into the status that a client sees. This
// is the only table of its kind. Texts of errors that it does not know stay in
// the log: they may say more about the network than the caller should learn.
func (s *Server) statusOf(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := apierr.ReasonOf(err); ok {
		return err
	}
	if problems, ok := errors.AsType[*config.Problems](err); ok {
		return problemStatus(problems)
	}
	switch {
	case errors.Is(err, camera.ErrNotFound):
		return apierr.New(codes.NotFound, apierr.CameraNotFound, "no camera has this id; ListCameras shows those that exist")
	case errors.Is(err, camera.ErrExists):
		return apierr.New(codes.AlreadyExists, apierr.CameraAlreadyExists,
			"the id is taken by a camera with another spec; change it with UpdateCamera, or remove it first")
	case errors.Is(err, camera.ErrTooMany):
		return apierr.New(codes.ResourceExhausted, apierr.TooManyCameras, err.Error())
	case errors.Is(err, camera.ErrBackend):
		return apierr.New(codes.FailedPrecondition, apierr.BackendUnavailable, err.Error(), apierr.Field("spec.backend", err.Error()))
	case errors.Is(err, camera.ErrNoRoom):
		return apierr.New(codes.ResourceExhausted, apierr.OutOfDeviceMemory, err.Error())
	case errors.Is(err, camera.ErrOverloaded):
		return apierr.New(codes.ResourceExhausted, apierr.Overloaded, err.Error())
	case errors.Is(err, camera.ErrNotSaved):
		s.cfg.Logger.ErrorContext(ctx, "state not saved", "error", err)
		return apierr.New(codes.Internal, apierr.StateNotSaved, "the change could not be saved and is not in force; see that the state directory is writable and has room, the worker's log says more")
	case errors.Is(err, camera.ErrStopping):
		return shuttingDown()
	case errors.Is(err, camera.ErrRemoved):
		return apierr.New(codes.NotFound, apierr.CameraRemoved, "the camera was removed")
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return status.FromContextError(ctx.Err()).Err()
	}
	if st, ok := status.FromError(err); ok {
		return st.Err() // gRPC's own: a broken stream, a message that is too large
	}
	s.cfg.Logger.ErrorContext(ctx, "call failed", "error", err)
	return apierr.New(codes.Internal, apierr.InternalError, "a fault of the worker itself; its log has the details")
}

// notFound says that a camera does not exist, or may not be seen by the caller.
func notFound(id string) error {
	return apierr.New(codes.NotFound, apierr.CameraNotFound,
		fmt.Sprintf("no camera %q; ListCameras shows those that exist", id), apierr.Meta(apierr.MetaCameraID, id))
}

func removed(id string) error {
	return apierr.New(codes.NotFound, apierr.CameraRemoved,
		fmt.Sprintf("camera %q was removed", id), apierr.Meta(apierr.MetaCameraID, id))
}

func shuttingDown() error {
	return apierr.New(codes.Unavailable, apierr.ShuttingDown, "the worker is shutting down; try another one, or again in a moment",
		apierr.RetryAfter(restartDelay))
}

func unimplemented(method, instead string) error {
	return apierr.New(codes.Unimplemented, apierr.MethodUnimplemented,
		"not implemented in this version; "+instead, apierr.Meta(apierr.MetaMethod, method))
}

// problemStatus reports everything that is wrong with a spec. The first problem
// gives the reason. A decode mode that is only not there yet is no mistake of the
// caller, unless there are mistakes too.
func problemStatus(p *config.Problems) error {
	code, reason := codes.InvalidArgument, apierr.Reason(p.List[0].Reason)
	opts := make([]apierr.Option, 0, len(p.List))
	unimplementedOnly := true
	for _, q := range p.List {
		opts = append(opts, apierr.Field(q.Field, q.Text))
		if q.Reason != config.ReasonDecodeModeUnimplemented {
			if unimplementedOnly {
				reason = apierr.Reason(q.Reason)
			}
			unimplementedOnly = false
		}
	}
	if unimplementedOnly {
		code = codes.Unimplemented
	}
	return apierr.New(code, reason, p.Error(), opts...)
}

// invalid is an error about one field of a request. The text says what is wrong
// and what is allowed; the field's name is put before it.
func invalid(reason apierr.Reason, field, format string, args ...any) error {
	return apierr.Invalid(reason, field, field+": "+fmt.Sprintf(format, args...))
}
