//go:build cgo

package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/kservetest"
)

// modelsOf makes this program an inference server, whose model reads the bar code in each
// row. It writes its address, and ends when its standard input does.
const modelsOf = "FRAMEPORT_E2E_MODELS"

func serveModels() error {
	barcode := &kservetest.Model{
		Version: "3",
		Input:   kservetest.Tensor{Name: "pictures", Datatype: "UINT8", Shape: []int64{-1, readerHeight, readerWidth, 3}},
		Outputs: []kservetest.Tensor{{Name: "code", Datatype: "INT32", Shape: []int64{-1, 2}}},
		Run: func(shape []int64, data []byte) ([]kservetest.Result, error) {
			const each = readerWidth * readerHeight * 3
			var out []byte
			for i := range int(shape[0]) {
				camera, picture, err := readRow(data[i*each:][:each], readerWidth, readerHeight)
				if err != nil {
					return nil, err
				}
				out = binary.LittleEndian.AppendUint32(out, uint32(camera))
				out = binary.LittleEndian.AppendUint32(out, uint32(picture))
			}
			return []kservetest.Result{{Shape: []int64{shape[0], 2}, Raw: out}}, nil
		},
	}
	// A request says by its presence in shared memory that no pixel went over the wire.
	before := func(_ context.Context, r kservetest.Request) error {
		fmt.Println("request", r.Inline, r.Region != "")
		return nil
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	return kservetest.Serve("127.0.0.1:0", kservetest.Config{
		Models: map[string]*kservetest.Model{"barcode": barcode}, Before: before, Device: openModelDevice,
	}, func(address string) { fmt.Println(address) }, stop)
}

// models is another process with an inference server.
func models(t *testing.T, env ...string) (address string, requests *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), modelsOf+"=1"), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the inference server ended with %v", err)
		}
	})
	requests = bufio.NewScanner(out)
	if !requests.Scan() {
		t.Fatal("the inference server did not start")
	}
	return requests.Text(), requests
}

// A model in another process sees the pictures that the entries speak of, in memory that it
// maps by a name of shm_open; that name, and the memory, are gone afterwards.
func TestInferences(t *testing.T) {
	const base = "/dev/shm"
	if unix.Access(base, unix.W_OK) != nil {
		t.Skip(base + " can't be written to")
	}
	folder, err := os.MkdirTemp(base, "frameport-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the worker's end: it removes what it made
		if err := os.Remove(folder); err != nil {
			t.Error(err)
		}
	})
	address, requests := models(t)
	site := NewSite(t, camsim.Config{})
	w := start(t, nil, "--shm-dir="+filepath.Join(folder, "s"), "--inference-server=codes="+address)
	clips := []string{"h264_720p", "h265_720p"}
	for _, clip := range clips {
		w.add(clip, over(site.Camera(clip, clip, camsim.Camera{}).URL()))
		w.running(clip)
	}
	end := readCodes(t, w, site, requests, clips, frameportv1.Delivery_DELIVERY_SHARED_MEMORY)
	end()
	until(t, "the memory to be given back", func() bool {
		left, err := os.ReadDir(filepath.Join(folder, "s"))
		return err == nil && len(left) == 0
	})
	if strings.Contains(w.log.String(), "stays mapped") {
		t.Error("the inference server did not unmap the memory")
	}
	got := command(t, nil, "", "doctor", "--inference-server=codes="+address, "--inference-server=gone=127.0.0.1:1")
	if !strings.Contains(got.out, "codes at "+address+": ready") || !strings.Contains(got.out, "gone at 127.0.0.1:1: inference server unavailable") {
		t.Errorf("doctor: %s %s", got.out, got.err)
	}
	w.stop()
}

// The same in memory of a GPU, which the model's process opens by its handle.
func TestDeviceInferences(t *testing.T) {
	t.Parallel()
	address, requests := models(t, gputest.PathVariable+"="+gputest.LibraryPath(t))
	site := NewSite(t, camsim.Config{})
	w, _ := startGPU(t, nil, "--inference-server=codes="+address)
	clips := []string{"h264_720p", "h265_720p"}
	for _, clip := range clips {
		w.add(clip, over(site.Camera(clip, clip, camsim.Camera{}).URL()))
		w.running(clip)
	}
	end := readCodes(t, w, site, requests, clips, frameportv1.Delivery_DELIVERY_CUDA_IPC)
	if w.device().GetLedger().GetBatchBytes() == 0 {
		t.Error("the batches are not on the GPU")
	}
	end()
	until(t, "the memory to be given back", func() bool { return w.device().GetLedger().GetBatchBytes() == 0 })
	if strings.Contains(w.log.String(), "stays mapped") {
		t.Error("the inference server did not close the memory")
	}
}

// modelDevice is memory of a GPU as the inference server has it.
type modelDevice struct {
	mu sync.Mutex
	*opened
}

func openModelDevice(handle []byte, device int64) (kservetest.Device, error) {
	o, err := openDevice(&frameportv1.SharedRegion{
		Kind: frameportv1.RegionKind_REGION_KIND_CUDA_IPC, RawHandle: handle, DeviceUuid: strconv.FormatInt(device, 10),
		SlotStride: 2 * readerWidth * readerHeight * 3,
	})
	if err != nil {
		return nil, err
	}
	return &modelDevice{opened: o}, nil
}

func (d *modelDevice) Read(offset, size int64) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, err := d.read(&frameportv1.SharedTensor{Offset: uint64(offset), ByteSize: uint64(size)})
	return slices.Clone(data), err
}

func (d *modelDevice) Close() error {
	return errors.Join(d.pinned.Close(), d.stream.Close(), d.memory.Close(), d.device.Close())
}

// readCodes takes answers of the model and compares them with the cameras; end ends the
// stream.
func readCodes(t *testing.T, w *worker, site *Site, requests *bufio.Scanner, clips []string, delivery frameportv1.Delivery) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := frameportv1.NewInferenceServiceClient(w.conn).StreamInferences(ctx)
	if err != nil {
		t.Fatal(err)
	}
	send := func(r *frameportv1.StreamInferencesRequest) {
		t.Helper()
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	send(&frameportv1.StreamInferencesRequest{Request: &frameportv1.StreamInferencesRequest_Start{Start: &frameportv1.StreamInferencesStart{
		CameraIds: clips, Server: "codes", Delivery: delivery, ModelName: "barcode", OutputNames: []string{"code"}, Credits: proto.Int32(2), MaxBatchSize: 2,
		Tensor: startShared(clips).GetStart().GetTensor(),
	}}})
	seen := map[string]int{}
	for n := uint64(1); n <= 20 || len(seen) < len(clips); n++ {
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		i := r.GetInference()
		codes := i.GetOutputs()[0].GetData()
		if i.GetInferenceNumber() != n || len(codes) != 8*len(i.GetEntries()) || i.GetModelVersion() != "3" {
			t.Fatalf("%v", i)
		}
		for row, e := range i.GetEntries() {
			camera, picture := binary.LittleEndian.Uint32(codes[8*row:]), binary.LittleEndian.Uint32(codes[8*row+4:])
			if clip := site.Clip(e.GetCameraId()); int(camera) != clip.Camera || int(picture) >= clip.Frames {
				t.Errorf("%s: picture %d of camera %d, want camera %d", e.GetCameraId(), picture, camera, clip.Camera)
			}
			seen[e.GetCameraId()]++
		}
		if !requests.Scan() || requests.Text() != "request 0 true" {
			t.Errorf("%q", requests.Text())
		}
		send(&frameportv1.StreamInferencesRequest{Request: &frameportv1.StreamInferencesRequest_Credits{Credits: 1}})
	}
	return cancel
}
