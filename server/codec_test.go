package server

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func testCodec() frameCodec { return frameCodec{encoding.GetCodecV2("proto")} }

func fullFrame(size int) *frameportv1.Frame {
	data := make([]byte, size)
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return &frameportv1.Frame{
		CameraId: "door", Epoch: 3, Sequence: 1 << 40, Pts: durationpb.New(time.Second),
		CaptureTime: timestamppb.Now(), ReceivedTime: timestamppb.Now(), Width: 1280, Height: 720,
		Format: frameportv1.ImageFormat_IMAGE_FORMAT_NV12,
		Planes: []*frameportv1.Plane{{Stride: 1280, Height: 720}, {Offset: 1280 * 720, Stride: 1280, Height: 360}},
		Data:   data, KeyFrame: true, Corrupt: true, Skipped: &frameportv1.Skipped{Policy: 1, Network: 7},
		SourceWidth: 1920, SourceHeight: 1080, Transform: &frameportv1.Transform{ScaleX: 1.5, ScaleY: 1.5},
	}
}

func TestFrameCodecIsWireIdentical(t *testing.T) {
	for _, size := range []int{0, 1, shareFrom - 1, shareFrom, shareFrom + 1, 1 << 14, 1 << 21} {
		for name, f := range map[string]*frameportv1.Frame{
			"full":      fullFrame(size),
			"only data": {Data: fullFrame(size).Data},
			"no tail":   {CameraId: "x", Data: fullFrame(size).Data},
			"no head":   {Data: fullFrame(size).Data, KeyFrame: true},
		} {
			for _, m := range []proto.Message{
				&frameportv1.GetFrameResponse{Frame: f},
				&frameportv1.WatchFramesResponse{Frame: f},
				&frameportv1.StreamFramesResponse{Frame: f},
			} {
				want, err := proto.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				got, err := testCodec().Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Materialize(), want) {
					t.Errorf("%T, %s frame with %d bytes of data: other bytes than proto.Marshal", m, name, size)
				}
				if len(f.Data) != size {
					t.Errorf("%T: Marshal left %d bytes of data, want %d", m, len(f.Data), size)
				}
				back := m.ProtoReflect().New().Interface()
				if err := testCodec().Unmarshal(got, back); err != nil || !proto.Equal(back, m) {
					t.Errorf("%T: does not come back (%v)", m, err)
				}
			}
		}
	}
}

func TestFrameCodecSharesThePicture(t *testing.T) {
	f := fullFrame(1 << 20)
	out, err := testCodec().Marshal(&frameportv1.WatchFramesResponse{Frame: f})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 3 || &out[1].ReadOnlyData()[0] != &f.Data[0] {
		t.Fatalf("the picture was copied (%d buffers)", len(out))
	}
}

func TestFrameCodecPassesOthersOn(t *testing.T) {
	for _, m := range []proto.Message{
		&frameportv1.GetFrameResponse{},
		&frameportv1.GetCameraRequest{CameraId: "door"},
	} {
		want, _ := proto.Marshal(m)
		got, err := testCodec().Marshal(m)
		if err != nil || !bytes.Equal(got.Materialize(), want) {
			t.Errorf("%T: %v", m, err)
		}
	}
	if _, err := testCodec().Marshal("no message"); err == nil {
		t.Error("a string was marshalled")
	}
}

func TestFrameCodecFieldNumbers(t *testing.T) {
	if n := (&frameportv1.Frame{}).ProtoReflect().Descriptor().Fields().ByName("data").Number(); n != fieldFrameData {
		t.Errorf("Frame.data is field %d", n)
	}
	for _, m := range []proto.Message{&frameportv1.GetFrameResponse{}, &frameportv1.WatchFramesResponse{}, &frameportv1.StreamFramesResponse{}} {
		fields := m.ProtoReflect().Descriptor().Fields()
		if fields.Len() != 1 || fields.ByName("frame").Number() != fieldResponseFrame {
			t.Errorf("%T has changed: teach frameCodec its fields", m)
		}
	}
}

func BenchmarkMarshalFrame(b *testing.B) {
	m := &frameportv1.WatchFramesResponse{Frame: fullFrame(150_000)}
	for name, codec := range map[string]encoding.CodecV2{"shared": testCodec(), "copied": encoding.GetCodecV2("proto")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var out mem.BufferSlice
			for b.Loop() {
				out, _ = codec.Marshal(m)
				out.Free()
			}
		})
	}
}
