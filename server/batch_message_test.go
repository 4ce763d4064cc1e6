package server

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func testBatch() *frameportv1.Batch {
	return &frameportv1.Batch{
		BatchNumber: 1 << 40, Entries: []*frameportv1.BatchEntry{{CameraId: "a", Sequence: 7}, {CameraId: "b", Transform: &frameportv1.Transform{ScaleX: 2}}},
		Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Layout: frameportv1.TensorLayout_TENSOR_LAYOUT_NHWC,
		Shape: []int64{2, 4, 4, 3}, SentTime: timestamppb.Now(),
	}
}

// A batch beside its tensor is the message that it stands for, byte for byte.
func TestBatchMessageIsWireIdentical(t *testing.T) {
	for _, size := range []int{1, 127, 128, 1 << 10, 1<<10 + 1, 1 << 21} {
		for name, batch := range map[string]*frameportv1.Batch{"full": testBatch(), "nothing else": {}} {
			data := fullFrame(size).GetData()
			whole := proto.CloneOf(batch)
			whole.Tensor = &frameportv1.Batch_Data{Data: data}
			want, err := proto.Marshal(&frameportv1.StreamBatchesResponse{Response: &frameportv1.StreamBatchesResponse_Batch{Batch: whole}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := testCodec().Marshal(&batchMessage{batch, &data, newTensorPool()})
			if err != nil || !bytes.Equal(got.Materialize(), want) {
				t.Errorf("%s, %d bytes: other bytes than proto.Marshal (%v)", name, size, err)
			}
		}
	}
}

// The tensor is in the message without a copy, and its memory comes back when the last
// one that reads the message is done with it.
func TestBatchMemoryComesBack(t *testing.T) {
	pool := newTensorPool()
	data := pool.Get(1 << 20)
	first := &(*data)[0]
	*data = (*data)[:1<<19] // entries were left out
	out, err := (&batchMessage{testBatch(), data, pool}).marshal()
	if err != nil || &out[len(out)-1].ReadOnlyData()[0] != first {
		t.Fatalf("the tensor was copied (%v)", err)
	}
	out.Ref()
	out.Free()
	if other := pool.Get(1 << 20); &(*other)[0] == first {
		t.Fatal("memory that is still read was given out")
	}
	out.Free()
	if again := pool.Get(1 << 20); &(*again)[0] != first || len(*again) != 1<<20 {
		t.Error("the memory did not come back")
	}
	small, large := make([]byte, 10), make([]byte, 2<<10)
	pool.Put(&small)
	if b := pool.Get(1 << 20); len(*b) != 1<<20 {
		t.Errorf("%d bytes", len(*b))
	}
	pool.Put(&large)
	pool.Put(&small) // one is kept
	if b := pool.Get(1); cap(*b) != 2<<10 {
		t.Errorf("%d bytes kept", cap(*b))
	}
}

var _ mem.BufferPool = (*tensorPool)(nil)

func TestBatchMessageFieldNumbers(t *testing.T) {
	if n := (&frameportv1.Batch{}).ProtoReflect().Descriptor().Fields().ByName("data").Number(); n != fieldBatchData {
		t.Errorf("Batch.data is field %d", n)
	}
	if n := (&frameportv1.StreamBatchesResponse{}).ProtoReflect().Descriptor().Fields().ByName("batch").Number(); n != fieldResponseBatch {
		t.Errorf("StreamBatchesResponse.batch is field %d", n)
	}
}
