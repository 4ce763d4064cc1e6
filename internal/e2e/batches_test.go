//go:build cgo

package e2e

import (
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// Batches of real cameras, of both backends: each row is the picture that its entry
// says, read by its bar code, of cameras of different sizes and codecs.
func TestBatches(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T) *worker{
		"CPU":  func(t *testing.T) *worker { return start(t, nil) },
		"CUDA": func(t *testing.T) *worker { w, _ := startGPU(t, nil); return w },
	} {
		t.Run(name, func(t *testing.T) {
			site := NewSite(t, camsim.Config{})
			w := begin(t)
			clips := []string{"h264_720p", "h265_720p", "h264_change_a"}
			for _, clip := range clips {
				w.add(clip, over(site.Camera(clip, clip, camsim.Camera{}).URL()))
				w.running(clip)
			}
			const width, height = 1280, 720
			stream, err := w.frames.StreamBatches(t.Context(), grpc.MaxCallRecvMsgSize(16<<20))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: &frameportv1.StreamBatchesStart{
				Tensor: &frameportv1.TensorSpec{
					Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Layout: frameportv1.TensorLayout_TENSOR_LAYOUT_NHWC,
					Width: width, Height: height,
				},
				MaxBatchSize: 3, MaxMessageBytes: 16 << 20,
			}}}); err != nil {
				t.Fatal(err)
			}
			last, seen := map[string]uint64{}, map[string]int{}
			for n := uint64(1); len(seen) < len(clips) || n <= 10; n++ {
				r, err := stream.Recv()
				if err != nil {
					t.Fatal(err)
				}
				b := r.GetBatch()
				if b.GetBatchNumber() != n || !slices.Equal(b.GetShape(), []int64{int64(len(b.GetEntries())), height, width, 3}) {
					t.Fatalf("batch %d of shape %v, want %d", b.GetBatchNumber(), b.GetShape(), n)
				}
				for i, e := range b.GetEntries() {
					id := e.GetCameraId()
					seen[id]++
					if e.GetSequence() <= last[id] {
						t.Errorf("%s: frame %d after %d", id, e.GetSequence(), last[id])
					}
					last[id] = e.GetSequence()
					clip := site.Clip(id)
					row := b.GetData()[i*width*height*3:][:width*height*3]
					camera, picture, err := ReadPicture(&frameportv1.Frame{
						Format: frameportv1.ImageFormat_IMAGE_FORMAT_RGB24, Width: width, Height: height, Data: row,
						Planes: []*frameportv1.Plane{{Stride: 3 * width, Height: height}},
					})
					if err != nil || camera != clip.Camera || picture >= clip.Frames {
						t.Errorf("%s: picture %d of camera %d, want camera %d: %v", id, picture, camera, clip.Camera, err)
					}
					if x := float64(clip.Width) / width; e.GetTransform().GetScaleX() != x || e.GetSourceWidth() != int32(clip.Width) {
						t.Errorf("%s: transform %v of a picture %d wide", id, e.GetTransform(), e.GetSourceWidth())
					}
				}
				if err := stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Credits{Credits: 1}}); err != nil {
					t.Fatal(err)
				}
			}
			// A tensor for a model, smaller than any picture and of floats.
			small, err := w.frames.StreamBatches(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := small.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: &frameportv1.StreamBatchesStart{
				CameraIds: clips[:1], Tensor: &frameportv1.TensorSpec{Width: 64, Height: 64, PadValue: proto.Float32(0)},
			}}}); err != nil {
				t.Fatal(err)
			}
			r, err := small.Recv()
			if b := r.GetBatch(); err != nil || len(b.GetData()) != 64*64*3*4 || b.GetDtype() != frameportv1.TensorDtype_TENSOR_DTYPE_FLOAT32 {
				t.Errorf("%d bytes of %v: %v", len(b.GetData()), b.GetDtype(), err)
			}
		})
	}
}
