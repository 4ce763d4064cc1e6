package kservetest

import (
	"encoding/binary"
	"math"

	"github.com/frameport/frameport/internal/kserve"
)

// Tensor describes an input or output; -1 in its shape takes anything.
type Tensor struct {
	Name, Datatype string
	Shape          []int64
}

// Model is a model with one input.
type Model struct {
	Version string
	Input   Tensor
	// More are inputs that are only named.
	More    []Tensor
	Outputs []Tensor
	// Run answers a request whose input has this shape and these bytes, with one result
	// per output. It is called on the goroutine of the call.
	Run func(shape []int64, data []byte) ([]Result, error)
	// NotReady is what ModelReady says.
	NotReady bool
}

// Result is one output's contents: Raw, or Typed. All of an answer are of one kind.
type Result struct {
	Shape []int64
	Raw   []byte
	Typed *kserve.InferTensorContents
}

// Means makes of UINT8 tensors, NCHW, the mean of each channel of each row (FP32) and the
// number of the channel with the highest one (INT64).
func Means(height, width int64) *Model {
	return &Model{
		Version: "1",
		Input:   Tensor{"images", "UINT8", []int64{-1, 3, height, width}},
		Outputs: []Tensor{{"mean", "FP32", []int64{-1, 3}}, {"brightest", "INT64", []int64{-1}}},
		Run: func(shape []int64, data []byte) ([]Result, error) {
			n, plane := int(shape[0]), int(shape[2]*shape[3])
			var means, brightest []byte
			for row := range n {
				best, highest := 0, -1.0
				for c := range 3 {
					mean := meanOf(data[(row*3+c)*plane:][:plane])
					means = binary.LittleEndian.AppendUint32(means, math.Float32bits(float32(mean)))
					if mean > highest {
						best, highest = c, mean
					}
				}
				brightest = binary.LittleEndian.AppendUint64(brightest, uint64(best))
			}
			return []Result{
				{Shape: []int64{int64(n), 3}, Raw: means},
				{Shape: []int64{int64(n)}, Raw: brightest},
			}, nil
		},
	}
}

func meanOf(plane []byte) float64 {
	sum := 0
	for _, v := range plane {
		sum += int(v)
	}
	return float64(sum) / float64(len(plane))
}
