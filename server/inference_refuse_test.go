package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/kservetest"
	"github.com/frameport/frameport/internal/shm"
)

func TestInferencesRefused(t *testing.T) {
	big := kservetest.Means(4, 4)
	big.Run = func(shape []int64, _ []byte) ([]kservetest.Result, error) {
		return []kservetest.Result{{Shape: []int64{shape[0], 3}, Raw: make([]byte, 12*shape[0])}, {Shape: []int64{20 << 10}, Raw: make([]byte, 160<<10)}}, nil
	}
	models := map[string]*kservetest.Model{"means": kservetest.Means(4, 4), "big": big}
	float := &frameportv1.TensorSpec{Width: 4, Height: 4}
	none := func(in *inferring) { in.server.cfg.InferenceServers = nil }
	two := func(in *inferring) {
		in.server.cfg.InferenceServers = append(in.server.cfg.InferenceServers, inferenceClient(in.t, "second", "127.0.0.1:1", 0))
	}
	hog := func(in *inferring) {
		r, err := in.folder.Create(in.folder.Limit())
		if err != nil {
			in.t.Fatal(err)
		}
		in.t.Cleanup(func() {
			if err := r.Close(); err != nil {
				in.t.Error(err)
			}
		})
	}
	for name, k := range map[string]struct {
		start  *frameportv1.StreamInferencesStart
		alter  func(in *inferring)
		models kservetest.Config
		temp   bool // shared memory on another file system
		code   codes.Code
		reason apierr.Reason
		texts  []string
	}{
		"no servers":    {alter: none, code: codes.NotFound, reason: apierr.InferenceServerNotFound, texts: []string{"--inference-server"}},
		"other server":  {start: &frameportv1.StreamInferencesStart{Server: "127.0.0.1:8001"}, code: codes.NotFound, reason: apierr.InferenceServerNotFound, texts: []string{"first"}},
		"which server":  {alter: two, code: codes.InvalidArgument, reason: apierr.InvalidInference, texts: []string{"first, second"}},
		"dead server":   {start: &frameportv1.StreamInferencesStart{Server: "second"}, alter: two, code: codes.Unavailable, reason: apierr.InferenceServerUnavailable, texts: []string{"second"}},
		"no model":      {start: &frameportv1.StreamInferencesStart{ModelName: "other"}, code: codes.NotFound, reason: apierr.ModelNotFound, texts: []string{"other"}},
		"no version":    {start: &frameportv1.StreamInferencesStart{ModelVersion: "2"}, code: codes.NotFound, reason: apierr.ModelNotFound},
		"other type":    {start: &frameportv1.StreamInferencesStart{Tensor: float}, code: codes.FailedPrecondition, reason: apierr.ModelMismatch, texts: []string{"UINT8 of shape [-1 3 4 4]", "FP32 of shape [8 3 4 4]"}},
		"no input":      {start: &frameportv1.StreamInferencesStart{InputName: "pixels"}, code: codes.InvalidArgument, reason: apierr.InvalidInference, texts: []string{"images"}},
		"no output":     {start: &frameportv1.StreamInferencesStart{OutputNames: []string{"boxes"}}, code: codes.InvalidArgument, reason: apierr.InvalidInference, texts: []string{"mean, brightest"}},
		"output twice":  {start: &frameportv1.StreamInferencesStart{OutputNames: []string{"mean", "mean"}}, code: codes.InvalidArgument, reason: apierr.InvalidInference},
		"no camera":     {start: &frameportv1.StreamInferencesStart{CameraIds: []string{"z"}}, code: codes.NotFound, reason: apierr.CameraNotFound},
		"no tensor":     {start: &frameportv1.StreamInferencesStart{Tensor: &frameportv1.TensorSpec{}}, code: codes.InvalidArgument, reason: apierr.InvalidTensor},
		"large tensor":  {start: &frameportv1.StreamInferencesStart{Tensor: &frameportv1.TensorSpec{Width: 20000, Height: 20000}}, code: codes.InvalidArgument, reason: apierr.InvalidTensor},
		"mean NaN":      {start: &frameportv1.StreamInferencesStart{Tensor: &frameportv1.TensorSpec{Width: 4, Height: 4, Mean: []float32{float32(math.NaN())}}}, code: codes.InvalidArgument, reason: apierr.InvalidTensor},
		"std 0":         {start: &frameportv1.StreamInferencesStart{Tensor: &frameportv1.TensorSpec{Width: 4, Height: 4, Std: []float32{0}}}, code: codes.InvalidArgument, reason: apierr.InvalidTensor},
		"no room":       {alter: hog, code: codes.ResourceExhausted, reason: apierr.OutOfSharedMemory, texts: []string{"--shm-limit"}},
		"batch size":    {start: &frameportv1.StreamInferencesStart{MaxBatchSize: 257}, code: codes.InvalidArgument, reason: apierr.InvalidBatch},
		"credits":       {start: &frameportv1.StreamInferencesStart{Credits: proto.Int32(65)}, code: codes.InvalidArgument, reason: apierr.InvalidCredits},
		"delivery":      {start: &frameportv1.StreamInferencesStart{Delivery: 9}, code: codes.InvalidArgument, reason: apierr.InvalidDelivery},
		"no GPU":        {start: &frameportv1.StreamInferencesStart{Delivery: ipc}, code: codes.FailedPrecondition, reason: apierr.DeliveryUnavailable},
		"no memory":     {alter: func(in *inferring) { in.server.cfg.SharedMemory.Folder = nil }, code: codes.FailedPrecondition, reason: apierr.DeliveryUnavailable, texts: []string{"INLINE"}},
		"other folder":  {temp: true, code: codes.FailedPrecondition, reason: apierr.DeliveryUnavailable, texts: []string{"--shm-dir"}},
		"not mapped":    {models: kservetest.Config{Refuse: status.Error(codes.Unimplemented, "client shm disabled")}, code: codes.FailedPrecondition, reason: apierr.DeliveryUnavailable, texts: []string{"client shm disabled", "--allow-client-shm"}},
		"failed":        {models: kservetest.Config{Before: func(context.Context, kservetest.Request) error { return status.Error(codes.Internal, "out of luck") }}, code: codes.Aborted, reason: apierr.InferenceFailed, texts: []string{"out of luck"}},
		"went away":     {models: kservetest.Config{Before: func(context.Context, kservetest.Request) error { return status.Error(codes.Unavailable, "10.0.0.7:1") }}, code: codes.Unavailable, reason: apierr.InferenceServerUnavailable},
		"large":         {start: &frameportv1.StreamInferencesStart{ModelName: "big", MaxMessageBytes: 100 << 10}, code: codes.ResourceExhausted, reason: apierr.FrameTooLarge, texts: []string{"max_message_bytes"}},
		"far too large": {start: &frameportv1.StreamInferencesStart{ModelName: "big", MaxMessageBytes: 10 << 10}, code: codes.ResourceExhausted, reason: apierr.FrameTooLarge, texts: []string{"max_message_bytes", fmt.Sprint(10<<10 + answerSlack)}},
		"says too much": {models: kservetest.Config{Before: func(context.Context, kservetest.Request) error {
			return status.Error(codes.Internal, strings.Repeat("no luck ", 100<<10))
		}}, code: codes.Aborted, reason: apierr.InferenceFailed, texts: []string{"no luck"}},
		"far too many":   {start: &frameportv1.StreamInferencesStart{Delivery: inline, Credits: proto.Int32(64), MaxBatchSize: 256, Tensor: &frameportv1.TensorSpec{Width: 640, Height: 640}, ModelName: "any"}, code: codes.ResourceExhausted, reason: apierr.TooManyStreams},
		"message length": {start: &frameportv1.StreamInferencesStart{MaxMessageBytes: -1}, code: codes.InvalidArgument, reason: apierr.InvalidMaxMessageBytes},
	} {
		t.Run(name, func(t *testing.T) {
			folder := folderOf(t)
			if k.temp && onShm(t, folder) {
				t.Skip("one file system")
			} else if !k.temp {
				folder = namesFolder(t)
			}
			k.models.Models = map[string]*kservetest.Model{"any": {Version: "1", Input: kservetest.Tensor{Name: "i", Datatype: "FP32", Shape: []int64{-1, 3, -1, -1}}}}
			for name, m := range models {
				k.models.Models[name] = m
			}
			in := newInferring(t, folder, k.models, "a")
			if k.alter != nil {
				k.alter(in)
			}
			if k.start == nil {
				k.start = &frameportv1.StreamInferencesStart{}
			}
			in.publish("a")
			_, err := in.infer(t.Context(), k.start).Recv()
			wantReason(t, err, k.code, k.reason)
			for _, text := range k.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not speak of %q", err, text)
				}
			}
			if len(err.Error()) > 4<<10 {
				t.Errorf("an error of %d bytes: clients take headers of some kilobytes", len(err.Error()))
			}
			if strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "10.0.0.7") {
				t.Errorf("the address is the worker's secret: %v", err)
			}
		})
	}
}

func onShm(t *testing.T, folder string) bool {
	t.Helper()
	var here, there unix.Stat_t
	if err := errors.Join(unix.Stat(filepath.Dir(folder), &here), unix.Stat(shm.Names, &there)); err != nil {
		t.Fatal(err)
	}
	return here.Dev == there.Dev
}

// The model's name is needed, and the first message.
func TestInferencesNeedAStart(t *testing.T) {
	in := newInferring(t, folderOf(t), kservetest.Config{}, "a")
	s, err := in.client.StreamInferences(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&frameportv1.StreamInferencesRequest{Request: &frameportv1.StreamInferencesRequest_Start{Start: &frameportv1.StreamInferencesStart{
		Tensor: &frameportv1.TensorSpec{Width: 4, Height: 4},
	}}}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Recv()
	wantReason(t, err, codes.InvalidArgument, apierr.InvalidInference)
	if s, err = in.client.StreamInferences(t.Context()); err != nil {
		t.Fatal(err)
	}
	inferences{in, s}.grant(1)
	_, err = s.Recv()
	wantReason(t, err, codes.InvalidArgument, apierr.StartRequired)
	twice := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Delivery: inline})
	if err := twice.Send(&frameportv1.StreamInferencesRequest{Request: &frameportv1.StreamInferencesRequest_Start{}}); err != nil {
		t.Fatal(err)
	}
	_, err = twice.Recv()
	wantReason(t, err, codes.InvalidArgument, apierr.StartRepeated)
}
