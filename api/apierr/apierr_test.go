package apierr_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewCarriesEverything(t *testing.T) {
	err := apierr.New(codes.Unavailable, apierr.NoFrameYet, "camera door has no frame yet",
		apierr.Meta(apierr.MetaCameraID, "door"),
		apierr.Meta(apierr.MetaFaultClass, "FAULT_CLASS_AUTH"),
		apierr.Field("camera_id", "not running"),
		apierr.RetryAfter(1500*time.Millisecond))
	err = fmt.Errorf("wrapped: %w", err)

	if got := status.Code(err); got != codes.Unavailable {
		t.Errorf("code = %v", got)
	}
	if got, ok := apierr.ReasonOf(err); !ok || got != apierr.NoFrameYet {
		t.Errorf("reason = %q, %v", got, ok)
	}
	want := map[string]string{"camera_id": "door", "fault_class": "FAULT_CLASS_AUTH"}
	if diff := cmp.Diff(want, apierr.Metadata(err)); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]apierr.Violation{{Field: "camera_id", Description: "not running"}}, apierr.Violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	if got, ok := apierr.RetryDelay(err); !ok || got != 1500*time.Millisecond {
		t.Errorf("retry delay = %v, %v", got, ok)
	}
}

func TestInvalidNamesTheField(t *testing.T) {
	err := apierr.Invalid(apierr.InvalidQuality, "output.quality", "quality is 0, want 1 to 100")
	if got := status.Code(err); got != codes.InvalidArgument {
		t.Errorf("code = %v", got)
	}
	want := []apierr.Violation{{Field: "output.quality", Description: "quality is 0, want 1 to 100"}}
	if diff := cmp.Diff(want, apierr.Violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	if _, ok := apierr.RetryDelay(err); ok {
		t.Error("retry delay where there is none")
	}
}

func TestForeignErrorsHaveNoReason(t *testing.T) {
	foreign, derr := status.New(codes.NotFound, "x").WithDetails(&errdetails.ErrorInfo{Domain: "example.com", Reason: "CAMERA_NOT_FOUND"})
	if derr != nil {
		t.Fatal(derr)
	}
	for name, err := range map[string]error{
		"nil":           nil,
		"plain":         errors.New("plain"),
		"bare status":   status.Error(codes.NotFound, "nothing"),
		"other domain":  foreign.Err(),
		"context error": context.Canceled,
	} {
		if r, ok := apierr.ReasonOf(err); ok {
			t.Errorf("%s: reason %q", name, r)
		}
		if m := apierr.Metadata(err); m != nil {
			t.Errorf("%s: metadata %v", name, m)
		}
		if v := apierr.Violations(err); v != nil {
			t.Errorf("%s: violations %v", name, v)
		}
	}
}

func TestCodeOKPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	_ = apierr.New(codes.OK, apierr.InternalError, "")
}

// The worst error that can be built must stay below the 8 KiB of trailers that every
// gRPC implementation takes, with valid UTF-8 throughout. See Note: [Errors fit into
// trailers].
func TestErrorsFitIntoTrailers(t *testing.T) {
	long := strings.Repeat("ä", 50_000) + "\xff"
	opts := []apierr.Option{apierr.RetryAfter(time.Hour)}
	for i := range 100 {
		opts = append(opts, apierr.Field(fmt.Sprint(i, long), long), apierr.Meta(fmt.Sprint("key_", i), long))
	}
	err := apierr.Invalid(apierr.InvalidMaxMessageBytes, long, long, opts...)

	st, _ := status.FromError(err)
	wire, merr := proto.Marshal(st.Proto())
	if merr != nil {
		t.Fatal(merr)
	}
	if size := len(wire)*4/3 + 3*len(st.Message()); size > 8<<10 {
		t.Errorf("trailers of %d bytes", size)
	}
	if got, _ := apierr.ReasonOf(err); got != apierr.InvalidMaxMessageBytes {
		t.Errorf("details lost: reason %q", got)
	}
	v := apierr.Violations(err)
	if len(v) != 8 || v[7].Field != "*" || v[7].Description != "and 94 more violations" {
		t.Errorf("%d violations, last %+v", len(v), v[len(v)-1])
	}
	if !strings.HasSuffix(st.Message(), "ä…") {
		t.Errorf("message cut inside a character: %q", st.Message()[len(st.Message())-8:])
	}
}

type cameras struct {
	frameportv1.UnimplementedCameraServiceServer
}

func (cameras) GetCamera(_ context.Context, r *frameportv1.GetCameraRequest) (*frameportv1.GetCameraResponse, error) {
	return nil, apierr.New(codes.NotFound, apierr.CameraNotFound, "no camera "+r.GetCameraId(),
		apierr.Meta(apierr.MetaCameraID, r.GetCameraId()))
}

func TestReasonCrossesTheWire(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	frameportv1.RegisterCameraServiceServer(srv, cameras{})
	done := make(chan error, 1)
	go func() { done <- srv.Serve(lis) }()
	conn, err := grpc.NewClient(lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = frameportv1.NewCameraServiceClient(conn).GetCamera(t.Context(), &frameportv1.GetCameraRequest{CameraId: "door"})
	if got, ok := apierr.ReasonOf(err); !ok || got != apierr.CameraNotFound {
		t.Errorf("reason = %q, %v (%v)", got, ok, err)
	}
	if got := apierr.Metadata(err)["camera_id"]; got != "door" {
		t.Errorf("camera_id = %q", got)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	srv.Stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
