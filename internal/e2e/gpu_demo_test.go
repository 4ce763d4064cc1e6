//go:build cgo

package e2e

import (
	"bytes"
	"image"
	"image/jpeg"
	"regexp"
	"testing"

	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/gpu/gputest"
	"github.com/frameport/frameport/internal/testvideo"
)

var demonstrating = regexp.MustCompile(`worker on gRPC ([0-9.:]+) and HTTP ([0-9.:]+[0-9])`)

var demoRTSP = regexp.MustCompile(`cameras on (rtsp://[0-9.:]+)`)

// The demo on the simulated GPU: four cameras on CUDA, in the colours of the CPU, with
// every byte in the ledger, and an end that leaves nothing.
func TestGPUDemo(t *testing.T) {
	sim, env := newSimulator(t)
	env = withoutLibraries(env)
	w := spawn(t, env, "demo", "--gpu-library-path="+gputest.LibraryPath(t), "--duration=10m", "--output-dir="+t.TempDir(),
		"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--rtsp-address=127.0.0.1:0")
	w.connect(demonstrating)
	url := demoRTSP.FindStringSubmatch(w.log.String())[1]
	names := []string{"street", "parking", "entrance", "workshop"}
	for _, name := range names {
		s := w.running(name).GetStatus()
		if s.GetBackend() != onCUDA || s.GetBackendReason() != "" || s.GetDevice() != w.device().GetUuid() {
			t.Errorf("%s is on %v %s: %s", name, s.GetBackend(), s.GetDevice(), s.GetBackendReason())
		}
	}
	if b := w.describe().GetBackend(); b.GetKind() != onCUDA || b.GetRequested() != frameportv1.BackendKind_BACKEND_KIND_AUTO || len(b.GetNotes()) != 0 {
		t.Errorf("backend %v", b)
	}
	w.ledgerAddsUp(names)

	cpu := start(t, nil)
	for _, name := range names {
		cpu.add(name, over(url+"/"+name))
		if s := cpu.running(name).GetStatus(); s.GetBackend() != onCPU {
			t.Errorf("the reference is on %v", s.GetBackend())
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { sameColours(t, name, w.in(t), cpu.in(t)) })
	}
	cpu.stop()

	w.stop() // with status 0, which also says that every camera delivered
	sim.clean(false)
}

// ledgerAddsUp looks at the account of device memory of a worker whose cameras all run.
func (w *worker) ledgerAddsUp(names []string) {
	w.t.Helper()
	d := w.device()
	l := d.GetLedger()
	for what, n := range map[string]int64{
		"context": l.GetContextBytes(), "modules": l.GetModuleBytes(), "JPEG": l.GetJpegBytes(),
		"decoders": l.GetDecoderBytes(), "rings": l.GetRingBytes(), "driver": l.GetDriverReportedBytes(),
		"total": d.GetMemoryTotalBytes(), "used": d.GetMemoryUsedBytes(), "reserve": d.GetMemoryReserveBytes(),
	} {
		if n <= 0 {
			w.t.Errorf("%s: %d bytes", what, n)
		}
	}
	sum := l.GetContextBytes() + l.GetModuleBytes() + l.GetJpegBytes() + l.GetDecoderBytes() + l.GetRingBytes() + l.GetOtherBytes()
	switch {
	case l.GetFixedBytes()+l.GetCameraBytes() != sum:
		w.t.Errorf("fixed %d and cameras %d are not the sum of all purposes, %d", l.GetFixedBytes(), l.GetCameraBytes(), sum)
	case int(d.GetCameras()) != len(names) || l.GetMarginalBytesPerCamera() != l.GetCameraBytes()/int64(len(names)):
		w.t.Errorf("%d cameras, %d bytes for each of them, %d for all", d.GetCameras(), l.GetMarginalBytesPerCamera(), l.GetCameraBytes())
	case l.GetUnaccountedBytes() != l.GetDriverReportedBytes()-sum:
		w.t.Errorf("%d unaccounted of %d that the driver reports, with %d in the ledger", l.GetUnaccountedBytes(), l.GetDriverReportedBytes(), sum)
	case l.GetUnaccountedBytes() < 0 || l.GetUnaccountedBytes() > sum/50:
		w.t.Errorf("the ledger does not explain %d of %d bytes", l.GetUnaccountedBytes(), l.GetDriverReportedBytes())
	}
	var decoders, rings, other int64
	for _, name := range names {
		m := w.camera(name).GetStatus().GetMemory()
		if m.GetDeviceDecoderBytes() <= 0 || m.GetDeviceRingBytes() <= 0 {
			w.t.Errorf("%s holds %v", name, m)
		}
		decoders += m.GetDeviceDecoderBytes()
		rings += m.GetDeviceRingBytes()
		other += m.GetDeviceOtherBytes()
	}
	if decoders != l.GetDecoderBytes() || rings != l.GetRingBytes() || decoders+rings+other != l.GetCameraBytes() {
		w.t.Errorf("the cameras hold %d, %d and %d bytes of %v", decoders, rings, other, l)
	}
}

// sameColours compares pictures of one camera as two workers encode them, at the best
// quality, which hides no difference, and at the usual one.
func sameColours(t *testing.T, id string, a, b *worker) {
	t.Run("quality 100", func(t *testing.T) {
		compare(t, a.in(t), b.in(t), id, &frameportv1.OutputSpec{Quality: proto.Int32(100)})
	})
	t.Run("the usual quality", func(t *testing.T) { compare(t, a.in(t), b.in(t), id, nil) })
}

// compare wants pictures of the same number to be alike within two levels.
func compare(t *testing.T, a, b *worker, id string, out *frameportv1.OutputSpec) {
	const enough, levels = 3, 2
	// Asked for one by one: of two streams one would be cut while a slow machine makes a
	// picture of the other.
	var last [2]*frameportv1.Frame
	pictures := [2]map[int]*image.YCbCr{{}, {}}
	for same := 0; same < enough; {
		for side, w := range [2]*worker{a, b} {
			if last[side] = w.after(id, last[side], out); last[side].GetCorrupt() {
				continue // something before it had to be left out
			}
			picture := decodeJPEG(t, last[side].GetData())
			_, number, err := testvideo.ReadBarcode(picture)
			if err != nil {
				t.Fatal(err)
			}
			pictures[side][number] = picture
			x, y := pictures[0][number], pictures[1][number]
			if x == nil || y == nil {
				continue
			}
			if d := difference(t, x, y); d > levels {
				t.Errorf("picture %d differs by %d levels, %d are allowed", number, d, levels)
			}
			delete(pictures[0], number)
			delete(pictures[1], number)
			same++
		}
	}
}

func decodeJPEG(t *testing.T, data []byte) *image.YCbCr {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := img.(*image.YCbCr)
	if !ok || p.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		t.Fatalf("%T is no 4:2:0 picture", img)
	}
	return p
}

// difference is the largest difference between two pictures, in levels of any plane.
func difference(t *testing.T, a, b *image.YCbCr) (most int) {
	t.Helper()
	if a.Rect != b.Rect {
		t.Fatalf("pictures of %v and %v", a.Rect, b.Rect)
	}
	for y := range a.Rect.Dy() {
		for x := range a.Rect.Dx() {
			p, q := a.YCbCrAt(x, y), b.YCbCrAt(x, y)
			for _, d := range [...]int{int(p.Y) - int(q.Y), int(p.Cb) - int(q.Cb), int(p.Cr) - int(q.Cr)} {
				most = max(most, d, -d)
			}
		}
	}
	return most
}
