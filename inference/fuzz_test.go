package inference

import (
	"errors"
	"math/big"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/internal/kserve"
)

// FuzzAnswer: whatever an inference server answers, a result's outputs have exactly the
// data that their types and shapes ask for.
func FuzzAnswer(f *testing.F) {
	output := func(datatype string, c *kserve.InferTensorContents, shape ...int64) *kserve.ModelInferResponse_InferOutputTensor {
		return &kserve.ModelInferResponse_InferOutputTensor{Name: "out", Datatype: datatype, Shape: shape, Contents: c}
	}
	type outputs = []*kserve.ModelInferResponse_InferOutputTensor
	for _, r := range []*kserve.ModelInferResponse{
		{ModelName: "yolo", ModelVersion: "1", Outputs: outputs{output("FP32", nil, 1, 2)}, RawOutputContents: [][]byte{make([]byte, 8)}},
		{Outputs: outputs{output("FP32", nil, 2)}, RawOutputContents: [][]byte{make([]byte, 4)}},
		{Outputs: outputs{output("INT64", &kserve.InferTensorContents{Int64Contents: []int64{1, -2, 3}}, 3)}},
		{Outputs: outputs{output("BYTES", &kserve.InferTensorContents{BytesContents: [][]byte{[]byte("cat"), nil}}, 2)}},
		{Outputs: outputs{output("UINT8", nil, 0, 1<<62), output("FP16", nil, 1<<40, 1<<40)}},
		{Outputs: outputs{output("BOOL", &kserve.InferTensorContents{BoolContents: []bool{true}}, -1)}, RawOutputContents: [][]byte{nil, nil}},
	} {
		b, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	sizes := map[string]int64{
		"BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "FP16": 2, "BF16": 2,
		"INT32": 4, "UINT32": 4, "FP32": 4, "INT64": 8, "UINT64": 8, "FP64": 8,
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r kserve.ModelInferResponse
		if proto.Unmarshal(b, &r) != nil {
			return
		}
		got, err := result(&r)
		if err != nil {
			if !errors.Is(err, ErrFailed) || len(err.Error()) > 4*maxText {
				t.Fatalf("an error of %d bytes: %v", len(err.Error()), err)
			}
			return
		}
		if len(got.Outputs) != len(r.GetOutputs()) {
			t.Fatalf("%d outputs of %d", len(got.Outputs), len(r.GetOutputs()))
		}
		for _, o := range got.Outputs {
			want := big.NewInt(sizes[o.Datatype])
			for _, n := range o.Shape {
				want.Mul(want, big.NewInt(n))
			}
			if o.Datatype != "BYTES" && want.Cmp(big.NewInt(int64(len(o.Data)))) != 0 {
				t.Fatalf("%d bytes of %s%v", len(o.Data), o.Datatype, o.Shape)
			}
			if len(o.Data) > 8*len(b) {
				t.Fatalf("%d bytes were made of %d", len(o.Data), len(b))
			}
		}
	})
}

// FuzzMetadata: whatever an inference server says of a model, it is taken only if the tensor
// fits, entry by entry.
func FuzzMetadata(f *testing.F) {
	input := func(name, datatype string, shape ...int64) *tensorMetadata {
		return &tensorMetadata{Name: name, Datatype: datatype, Shape: shape}
	}
	for _, r := range []*kserve.ModelMetadataResponse{
		{Name: "yolo", Inputs: []*tensorMetadata{input("images", "FP32", -1, 3, 640, 640)}},
		{Inputs: []*tensorMetadata{input("images", "FP32", 1, 3, -1, -1), input("sizes", "INT64", -1, 2)}},
		{Inputs: []*tensorMetadata{input("images", "FP32", 4, 3, 640, 640)}},
		{Inputs: []*tensorMetadata{input("images", "UINT8")}},
		{Inputs: []*tensorMetadata{input("images", "UINT8", -1, 3, 640, 640)}},
		{},
	} {
		b, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "")
		f.Add(b, "images")
	}
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		var r kserve.ModelMetadataResponse
		if proto.Unmarshal(b, &r) != nil {
			return
		}
		want := Want{Model: "yolo", Input: name, Datatype: "FP32", Shape: []int64{4, 3, 640, 640}}
		in, err := inputOf(want, r.GetInputs())
		if err == nil {
			err = fits(want, in)
		}
		if err != nil {
			if known := errors.Is(err, ErrInvalid) || errors.Is(err, ErrMismatch); !known || len(err.Error()) > 4*maxText+2*len(name)*4 {
				t.Fatalf("an error of %d bytes: %v", len(err.Error()), err)
			}
			return
		}
		if name != "" && in.GetName() != name || in.GetDatatype() != "FP32" || len(in.GetShape()) != 4 {
			t.Fatalf("%q: taken was %v", name, in)
		}
		for i, n := range in.GetShape() {
			if n != -1 && n != want.Shape[i] {
				t.Fatalf("a tensor of shape %v goes to an input of shape %v", want.Shape, in.GetShape())
			}
		}
	})
}
