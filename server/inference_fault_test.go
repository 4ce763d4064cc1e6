package server

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/kservetest"
)

// An inference server that has mapped the memory, but whose answer does not come, is told
// that it is not needed.
func TestInferencesUnmapAfterALostAnswer(t *testing.T) {
	var mapped atomic.Bool
	in := newInferring(t, namesFolder(t), kservetest.Config{Mapped: func() error {
		mapped.Store(true)
		return status.Error(codes.DeadlineExceeded, "lost")
	}}, "a")
	_, err := in.infer(t.Context(), &frameportv1.StreamInferencesStart{}).Recv()
	wantReason(t, err, codes.Unavailable, apierr.InferenceServerUnavailable)
	if !mapped.Load() {
		t.Error("nothing was mapped")
	}
	in.noNames()
	eventually(t, "the inference server to unmap all", func() bool { return len(in.models.Regions()) == 0 })
}

// The memory stays mapped, and is there, while any request could be under way.
func TestInferencesUnmapLast(t *testing.T) {
	var left, early atomic.Bool
	in := newInferring(t, namesFolder(t), kservetest.Config{Unmapping: func() {
		if !left.Load() {
			early.Store(true)
		}
	}}, "a")
	memory, err := in.server.shareBatches(1, 48)
	if err != nil {
		t.Fatal(err)
	}
	st := &inferenceStream{batchStream: &batchStream{stream: stream{Server: in.server}, shared: memory}, server: in.server.cfg.InferenceServers[0]}
	if st.mapping, err = st.server.Map(t.Context(), regionOf(memory)); err != nil {
		t.Fatal(err)
	}
	st.asking.Add(1)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		st.close()
	}()
	for range 3 { // time in which it would be unmapped
		b := in.batches(&frameportv1.StreamBatchesStart{})
		in.publish("a")
		b.next()
	}
	left.Store(true)
	st.asking.Done()
	<-closed
	if early.Load() {
		t.Error("the memory was unmapped while a request was under way")
	}
}

// Memory whose file somebody removes or shortens ends its stream, with a reason; nothing is
// left at the inference server, and another stream has memory of its own.
func TestInferencesAreLost(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"shortened": func(path string) error { return os.Truncate(path, 0) },
		"removed":   os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			folder := namesFolder(t)
			in := newInferring(t, folder, kservetest.Config{}, "a")
			s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Credits: proto.Int32(0)})
			eventually(t, "the memory to be mapped", func() bool { return len(in.models.Regions()) == 1 })
			if err := harm(folder + "/" + in.models.Regions()[0]); err != nil {
				t.Fatal(err)
			}
			in.publish("a")
			s.grant(1)
			_, err := s.Recv()
			wantReason(t, err, codes.Aborted, apierr.SharedMemoryLost)
			in.infer(t.Context(), &frameportv1.StreamInferencesStart{}).next()
			if n := len(in.models.Requests()); n != 1 {
				t.Errorf("%d requests, want that of the other stream", n)
			}
		})
	}
}

// Cameras that match a selector later join the stream.
func TestInferencesFollowLabels(t *testing.T) {
	in := newInferring(t, namesFolder(t), kservetest.Config{}, "a")
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{LabelSelector: "site=north"})
	in.publish("a")
	eventually(t, "the memory to be mapped", func() bool { return len(in.models.Regions()) == 1 })
	if n := len(in.models.Requests()); n != 0 {
		t.Errorf("%d requests for no camera", n)
	}
	spec := specOf()
	spec.Labels = map[string]string{"site": "north"}
	in.cameras.add("b", spec)
	in.publish("b")
	if e := s.next().GetEntries(); len(e) != 1 || e[0].GetCameraId() != "b" {
		t.Errorf("%v", e)
	}
}

// Of many clients some get what there is memory for, and the others are told.
func TestInferencesOfManyClients(t *testing.T) {
	in := newInferring(t, folderOf(t), kservetest.Config{}, "a")
	const each = 16*MaxResponseBytes + 16*8*48
	open := func() inferences {
		return in.infer(t.Context(), &frameportv1.StreamInferencesStart{Delivery: inline, Credits: proto.Int32(15), MaxMessageBytes: MaxResponseBytes})
	}
	open()
	eventually(t, "the first to be counted", func() bool { return in.server.batchBytes.Load() > each*3/4 })
	_, err := open().Recv()
	wantReason(t, err, codes.ResourceExhausted, apierr.TooManyStreams)
	if !strings.Contains(err.Error(), "max_message_bytes") {
		t.Error(err)
	}
	in.publish("a")
	for range 20 { // those that want little find room
		in.infer(t.Context(), &frameportv1.StreamInferencesStart{Delivery: inline, MaxMessageBytes: 64 << 10}).next()
	}
}

// A lease of shared batches that expires does not end a request: the inference server may
// take its time.
func TestInferencesOutlastLeases(t *testing.T) {
	requests := make(chan held)
	in := newInferring(t, namesFolder(t), kservetest.Config{Before: answering(requests)}, "a")
	in.server.cfg.SharedMemory.Lease = config.MinLease
	s := in.infer(t.Context(), &frameportv1.StreamInferencesStart{Credits: proto.Int32(2)})
	in.publish("a")
	first := <-requests
	begin := time.Now()
	eventually(t, "the time of a lease to be over", func() bool { return time.Since(begin) > 2*config.MinLease })
	in.publish("a")
	second := <-requests
	if first.request.Offset == second.request.Offset {
		t.Error("a slot was used again while its batch is with the inference server")
	}
	first.answer <- nil
	second.answer <- nil
	s.next()
	s.next()
	if in.expired.Load() != 0 {
		t.Error("leases have expired")
	}
}
