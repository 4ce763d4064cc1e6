package inference_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/inference"
	"github.com/frameport/frameport/internal/kserve"
	"github.com/frameport/frameport/internal/kservetest"
	"github.com/frameport/frameport/internal/shm"
)

func means() map[string]*kservetest.Model {
	return map[string]*kservetest.Model{"means": kservetest.Means(2, 2)}
}

func start(t *testing.T, cfg kservetest.Config, timeout time.Duration) (*kservetest.Server, *inference.Server) {
	t.Helper()
	s, address := kservetest.Start(t, cfg)
	return s, dial(t, address, timeout)
}

func dial(t *testing.T, address string, timeout time.Duration) *inference.Server {
	t.Helper()
	c, err := inference.New(inference.Config{Name: "test", Address: address, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func want() inference.Want {
	return inference.Want{Model: "means", Datatype: "UINT8", Shape: []int64{4, 3, 2, 2}}
}

// memory is a region in /dev/shm, with a folder that is left empty.
func memory(t *testing.T, size int64) *shm.Region {
	t.Helper()
	if unix.Access(shm.Names, unix.W_OK) != nil {
		t.Skip(shm.Names + " can't be written to")
	}
	dir, err := os.MkdirTemp(shm.Names, "frameport-test-")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := shm.Open(filepath.Join(dir, "s"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r, err := folder.Create(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(r.Close(), folder.Close(), os.Remove(dir)); err != nil {
			t.Error(err)
		}
	})
	return r
}

func region(r *shm.Region) inference.Region {
	return inference.Region{Name: r.Name(), Bytes: uint64(len(r.Bytes())), File: r}
}

// noLink fails when a region can be opened by shm_open.
func noLink(t *testing.T, r *shm.Region) {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(shm.Names, r.Name())); err == nil {
		t.Errorf("%s still has a name in %s", r.Name(), shm.Names)
	}
}

func check(t *testing.T, got inference.Result, means ...float32) {
	t.Helper()
	if got.Model != "means" || got.Version != "1" || len(got.Outputs) != 2 {
		t.Fatalf("%+v", got)
	}
	o := got.Outputs[0]
	if o.Name != "mean" || o.Datatype != "FP32" || !slices.Equal(o.Shape, []int64{int64(len(means) / 3), 3}) {
		t.Fatalf("%+v", o)
	}
	for i, m := range means {
		if v := math.Float32frombits(binary.LittleEndian.Uint32(o.Data[4*i:])); v != m {
			t.Errorf("mean %d is %v, want %v", i, v, m)
		}
	}
}

func TestInfer(t *testing.T) {
	s, c := start(t, kservetest.Config{Models: means()}, 0)
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := c.Model(t.Context(), want())
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Infer(t.Context(), inference.Tensor{Shape: []int64{1, 3, 2, 2}, Data: []byte{1, 1, 1, 1, 2, 2, 2, 4, 0, 0, 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, 1, 2.5, 0)
	if r := s.Requests(); len(r) != 1 || r[0].Inline != 12 || r[0].Region != "" {
		t.Errorf("%+v", r)
	}
	only := want()
	only.Input, only.Outputs, only.Version = "images", []string{"brightest"}, "1"
	if m, err = c.Model(t.Context(), only); err != nil {
		t.Fatal(err)
	}
	if got, err = m.Infer(t.Context(), inference.Tensor{Shape: []int64{1, 3, 2, 2}, Data: make([]byte, 12)}); err != nil || len(got.Outputs) != 1 || got.Outputs[0].Name != "brightest" {
		t.Errorf("%+v, %v", got, err)
	}
}

// The server sees what lies in the region, and no pixel is in the request; a server that
// has forgotten the region is told of it again.
func TestInferFromMemory(t *testing.T) {
	s, c := start(t, kservetest.Config{Models: means()}, 0)
	m, err := c.Model(t.Context(), want())
	if err != nil {
		t.Fatal(err)
	}
	r := memory(t, 8192)
	mapping, err := c.Map(t.Context(), region(r))
	if err != nil {
		t.Fatal(err)
	}
	noLink(t, r)
	infer := func(t *testing.T) {
		t.Helper()
		got, err := m.Infer(t.Context(), inference.Tensor{Shape: []int64{2, 3, 2, 2}, Mapping: mapping, Offset: 4096, Bytes: 24})
		if err != nil {
			t.Fatal(err)
		}
		check(t, got, 8, 0, float32(r.Bytes()[4096+8])/4, 0, 0, 1)
	}
	tensor := r.Bytes()[4096:][:24]
	copy(tensor, []byte{8, 8, 8, 8})
	copy(tensor[20:], []byte{1, 1, 1, 1})
	for i := range 3 {
		tensor[8] = byte(4 * i)
		infer(t)
	}
	for _, q := range s.Requests() {
		if q.Inline != 0 || q.Region != r.Name() || q.Offset != 4096 {
			t.Errorf("%+v", q)
		}
	}
	if err := s.Forget(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup // of many requests, one registers
	for range 8 {
		all.Go(func() { infer(t) })
	}
	all.Wait()
	if n := s.Registered(); n != 2 {
		t.Errorf("registered %d times", n)
	}
	noLink(t, r)
	if err := mapping.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := s.Regions(); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// A handle of a GPU goes to the server as it is.
func TestMapDevice(t *testing.T) {
	s, c := start(t, kservetest.Config{Models: means()}, 0)
	handle := []byte(strings.Repeat("h", 64))
	m, err := c.Map(t.Context(), inference.Region{Name: "frameport-gpu", Bytes: 64, Handle: handle, Device: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Handles(); len(got) != 1 || string(got[0]) != string(handle) || len(s.Regions()) != 1 {
		t.Errorf("%q", got)
	}
	if err := m.Close(t.Context()); err != nil || len(s.Regions()) != 0 {
		t.Errorf("%v, %v are left", err, s.Regions())
	}
}

func TestModelMismatch(t *testing.T) {
	models := means()
	models["one"] = &kservetest.Model{Version: "1", Input: kservetest.Tensor{Name: "i", Datatype: "UINT8", Shape: []int64{1, 3, 2, 2}}}
	models["fixed"] = &kservetest.Model{Version: "1", Input: kservetest.Tensor{Name: "i", Datatype: "UINT8", Shape: []int64{4, 3, 2, 2}}}
	models["any"] = &kservetest.Model{Version: "1", Input: kservetest.Tensor{Name: "i", Datatype: "UINT8", Shape: []int64{-1, 3, -1, -1}}}
	models["two"] = &kservetest.Model{
		Version: "1", Input: kservetest.Tensor{Name: "i", Datatype: "UINT8", Shape: []int64{-1, 3, 2, 2}},
		More: []kservetest.Tensor{{Name: "threshold", Datatype: "FP32", Shape: []int64{1}}},
	}
	models["loading"] = &kservetest.Model{Version: "1", Input: models["any"].Input, NotReady: true}
	_, c := start(t, kservetest.Config{Models: models}, 0)
	for name, k := range map[string]struct {
		want  inference.Want
		is    error
		texts []string
	}{
		"good":        {want(), nil, nil},
		"any size":    {inference.Want{Model: "any", Datatype: "UINT8", Shape: []int64{7, 3, 9, 8}}, nil, nil},
		"one entry":   {inference.Want{Model: "one", Datatype: "UINT8", Shape: []int64{1, 3, 2, 2}}, nil, nil},
		"too many":    {inference.Want{Model: "one", Datatype: "UINT8", Shape: []int64{2, 3, 2, 2}}, inference.ErrMismatch, []string{"[1 3 2 2]", "[2 3 2 2]", "max_batch_size"}},
		"fixed batch": {inference.Want{Model: "fixed", Datatype: "UINT8", Shape: []int64{4, 3, 2, 2}}, inference.ErrMismatch, []string{"first dimension"}},
		"size":        {inference.Want{Model: "means", Datatype: "UINT8", Shape: []int64{4, 3, 2, 4}}, inference.ErrMismatch, []string{"[-1 3 2 2]", "[4 3 2 4]"}},
		"type":        {inference.Want{Model: "means", Datatype: "FP16", Shape: []int64{4, 3, 2, 2}}, inference.ErrMismatch, []string{"UINT8", "FP16", "dtype"}},
		"dimensions":  {inference.Want{Model: "means", Datatype: "UINT8", Shape: []int64{3, 2, 2}}, inference.ErrMismatch, []string{"dimensions"}},
		"model":       {inference.Want{Model: "other"}, inference.ErrModelNotFound, []string{"other"}},
		"version":     {inference.Want{Model: "means", Version: "7"}, inference.ErrModelNotFound, nil},
		"input":       {inference.Want{Model: "means", Input: "pixels"}, inference.ErrInvalid, []string{"pixels", "images"}},
		"two inputs":  {inference.Want{Model: "two"}, inference.ErrInvalid, []string{"i, threshold"}},
		"named input": {inference.Want{Model: "two", Input: "i", Datatype: "UINT8", Shape: []int64{2, 3, 2, 2}}, nil, nil},
		"output":      {inference.Want{Model: "means", Outputs: []string{"mean", "boxes"}}, inference.ErrInvalid, []string{"boxes", "mean, brightest"}},
		"not ready":   {inference.Want{Model: "loading", Datatype: "UINT8", Shape: []int64{2, 3, 2, 2}}, inference.ErrUnavailable, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Model(t.Context(), k.want)
			if !errors.Is(err, k.is) {
				t.Fatalf("%v, want %v", err, k.is)
			}
			for _, text := range k.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not speak of %q", err, text)
				}
			}
		})
	}
}

func TestMapRefused(t *testing.T) {
	for name, k := range map[string]struct {
		refuse error
		is     error
	}{
		"as unsupported":        {status.Error(codes.Unimplemented, "client shm disabled"), inference.ErrRefused},
		"as unavailable":        {status.Error(codes.Unavailable, "client shm disabled"), inference.ErrRefused},
		"can't open":            {status.Error(codes.Internal, "client shm disabled"), inference.ErrRefused},
		"as registered already": {status.Error(codes.AlreadyExists, "already in manager"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := start(t, kservetest.Config{Models: means(), Refuse: k.refuse}, 0)
			r := memory(t, 4096)
			_, err := c.Map(t.Context(), region(r))
			if !errors.Is(err, k.is) || k.is != nil && !strings.Contains(err.Error(), "client shm disabled") {
				t.Errorf("%v, want %v", err, k.is)
			}
			noLink(t, r)
		})
	}
	t.Run("no server", func(t *testing.T) {
		r := memory(t, 4096)
		if _, err := dial(t, closedPort(t), 0).Map(t.Context(), region(r)); !errors.Is(err, inference.ErrUnavailable) {
			t.Error(err)
		}
		noLink(t, r)
	})
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestUnavailable(t *testing.T) {
	c := dial(t, closedPort(t), 0)
	if err := c.Ready(t.Context()); !errors.Is(err, inference.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := c.Model(t.Context(), want()); !errors.Is(err, inference.ErrUnavailable) {
		t.Error(err)
	}
}

// A request that the server does not answer ends at its deadline, or with its caller; a
// region stays mapped until the server has left it.
func TestSlow(t *testing.T) {
	var holding atomic.Bool
	hold, started := make(chan struct{}), make(chan struct{}, 2)
	s, c := start(t, kservetest.Config{Models: means(), Before: func(context.Context, kservetest.Request) error {
		if holding.Load() {
			started <- struct{}{}
			<-hold
		}
		return nil
	}}, 0)
	m, err := c.Model(t.Context(), want())
	if err != nil {
		t.Fatal(err)
	}
	r := memory(t, 4096)
	mapping, err := c.Map(t.Context(), region(r))
	if err != nil {
		t.Fatal(err)
	}
	holding.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := m.Infer(ctx, inference.Tensor{Shape: []int64{1, 3, 2, 2}, Mapping: mapping, Bytes: 12})
		ended <- err
	}()
	<-started
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := mapping.Close(soon); err == nil || len(s.Regions()) != 1 {
		t.Errorf("%v, mapped %v", err, s.Regions())
	}
	close(hold)
	if err := mapping.Close(t.Context()); err != nil || len(s.Regions()) != 0 {
		t.Errorf("%v, mapped %v", err, s.Regions())
	}
}

func TestDeadline(t *testing.T) {
	_, c := start(t, kservetest.Config{Models: means(), Before: func(ctx context.Context, _ kservetest.Request) error {
		<-ctx.Done()
		return ctx.Err()
	}}, time.Second)
	m, err := c.Model(t.Context(), want())
	for errors.Is(err, inference.ErrUnavailable) { // on a very slow machine
		m, err = c.Model(t.Context(), want())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Infer(t.Context(), inference.Tensor{Shape: []int64{1, 3, 2, 2}, Data: make([]byte, 12)}); !errors.Is(err, inference.ErrUnavailable) {
		t.Error(err)
	}
}

// Whatever a server answers, it is an error or whole.
func TestAnswers(t *testing.T) {
	two := []int64{2}
	for name, k := range map[string]struct {
		datatype string
		result   kservetest.Result
		err      error
		data     string // expected, in hex
		is       error
	}{
		"bool":       {datatype: "BOOL", result: kservetest.Result{Shape: two, Typed: &kserve.InferTensorContents{BoolContents: []bool{true, false}}}, data: "0100"},
		"int8":       {datatype: "INT8", result: kservetest.Result{Shape: two, Typed: &kserve.InferTensorContents{IntContents: []int32{-1, 2}}}, data: "ff02"},
		"int16":      {datatype: "INT16", result: kservetest.Result{Shape: two, Typed: &kserve.InferTensorContents{IntContents: []int32{-2, 2}}}, data: "feff0200"},
		"int32":      {datatype: "INT32", result: kservetest.Result{Shape: two, Typed: &kserve.InferTensorContents{IntContents: []int32{-2, 2}}}, data: "feffffff02000000"},
		"int64":      {datatype: "INT64", result: kservetest.Result{Shape: []int64{1}, Typed: &kserve.InferTensorContents{Int64Contents: []int64{-2}}}, data: "feffffffffffffff"},
		"uint8":      {datatype: "UINT8", result: kservetest.Result{Shape: two, Typed: &kserve.InferTensorContents{UintContents: []uint32{255, 2}}}, data: "ff02"},
		"uint16":     {datatype: "UINT16", result: kservetest.Result{Shape: two, Typed: &kserve.InferTensorContents{UintContents: []uint32{0x1234, 2}}}, data: "34120200"},
		"uint32":     {datatype: "UINT32", result: kservetest.Result{Shape: []int64{1}, Typed: &kserve.InferTensorContents{UintContents: []uint32{0x12345678}}}, data: "78563412"},
		"uint64":     {datatype: "UINT64", result: kservetest.Result{Shape: []int64{1}, Typed: &kserve.InferTensorContents{Uint64Contents: []uint64{1}}}, data: "0100000000000000"},
		"fp32":       {datatype: "FP32", result: kservetest.Result{Shape: []int64{1}, Typed: &kserve.InferTensorContents{Fp32Contents: []float32{1}}}, data: "0000803f"},
		"fp64":       {datatype: "FP64", result: kservetest.Result{Shape: []int64{1}, Typed: &kserve.InferTensorContents{Fp64Contents: []float64{1}}}, data: "000000000000f03f"},
		"bytes":      {datatype: "BYTES", result: kservetest.Result{Shape: two, Typed: &kserve.InferTensorContents{BytesContents: [][]byte{[]byte("ab"), nil}}}, data: "02000000616200000000"},
		"raw":        {datatype: "FP16", result: kservetest.Result{Shape: two, Raw: []byte{1, 2, 3, 4}}, data: "01020304"},
		"nothing":    {datatype: "FP32", result: kservetest.Result{Shape: []int64{0, 4}, Raw: []byte{}}, data: ""},
		"too short":  {datatype: "FP32", result: kservetest.Result{Shape: two, Raw: []byte{1}}, is: inference.ErrFailed},
		"no typed":   {datatype: "FP16", result: kservetest.Result{Shape: two, Typed: &kserve.InferTensorContents{}}, is: inference.ErrFailed},
		"bad shape":  {datatype: "FP32", result: kservetest.Result{Shape: []int64{-1}, Raw: []byte{}}, is: inference.ErrFailed},
		"overflow":   {datatype: "FP32", result: kservetest.Result{Shape: []int64{1 << 33, 1 << 33}, Raw: []byte{}}, is: inference.ErrFailed},
		"bad type":   {datatype: "FP99", result: kservetest.Result{Shape: two, Raw: []byte{1}}, is: inference.ErrFailed},
		"too large":  {datatype: "UINT8", result: kservetest.Result{Shape: []int64{65 << 20}, Raw: make([]byte, 65<<20)}, is: inference.ErrTooLarge},
		"said no":    {datatype: "FP32", err: status.Error(codes.InvalidArgument, "batch-size must be <= 8"), is: inference.ErrFailed},
		"ran out":    {datatype: "FP32", err: status.Error(codes.ResourceExhausted, "out of memory"), is: inference.ErrFailed},
		"went away":  {datatype: "FP32", err: status.Error(codes.Unavailable, "unloading"), is: inference.ErrUnavailable},
		"crashed it": {datatype: "FP32", err: errors.New("bad alloc"), is: inference.ErrFailed},
	} {
		t.Run(name, func(t *testing.T) {
			model := kservetest.Means(2, 2)
			model.Outputs = []kservetest.Tensor{{Name: "o", Datatype: k.datatype, Shape: []int64{-1}}}
			model.Run = func([]int64, []byte) ([]kservetest.Result, error) { return []kservetest.Result{k.result}, k.err }
			_, c := start(t, kservetest.Config{Models: map[string]*kservetest.Model{"means": model}}, 0)
			m, err := c.Model(t.Context(), want())
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Infer(t.Context(), inference.Tensor{Shape: []int64{1, 3, 2, 2}, Data: make([]byte, 12)})
			if k.is != nil {
				if !errors.Is(err, k.is) || k.err != nil && !strings.Contains(err.Error(), status.Convert(k.err).Message()) {
					t.Errorf("%v, want %v", err, k.is)
				}
				return
			}
			if err != nil || fmt.Sprintf("%x", got.Outputs[0].Data) != k.data {
				t.Errorf("%+v, %v, want %s", got, err, k.data)
			}
		})
	}
}
