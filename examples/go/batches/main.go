// Command batches detects motion: it gets small pictures of all cameras as one tensor,
// and says how bright each is and how much it has changed since the one before:
//
//	batches -address 127.0.0.1:50051 -batches 5 [CAMERA...]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func main() {
	address := flag.String("address", cmp.Or(os.Getenv("FRAMEPORT_ADDRESS"), "127.0.0.1:50051"), "gRPC address of the worker, HOST:PORT or unix:/PATH")
	batches := flag.Int("batches", 5, "how many batches to take")
	flag.Parse()
	if err := run(*address, *batches, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(address string, batches int, cameras []string) error {
	worker, err := client.Dial(address)
	if err != nil {
		return err
	}
	defer worker.Close()

	before := map[string][]byte{} // pixels by camera
	for b, err := range worker.Batches(context.Background(), client.BatchOptions{
		Cameras: cameras, // none = all
		Tensor: &frameportv1.TensorSpec{
			Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Width: 64, Height: 36, Fit: frameportv1.Fit_FIT_STRETCH,
		},
	}) {
		if err != nil {
			return err
		}
		size := len(b.GetData()) / len(b.GetEntries())
		for i, e := range b.GetEntries() {
			pixels := b.GetData()[i*size:][:size] // row i of the tensor is entry i
			brightness, change, where := compare(pixels, before[e.GetCameraId()])
			before[e.GetCameraId()] = pixels
			// Back onto the camera's frame: the middle of the pixel that changed most.
			t, x, y := e.GetTransform(), float64(where%64)+.5, float64(where/64%36)+.5
			fmt.Printf("batch %d: %s %d/%d brightness %.0f, changed by %.1f, most at %.0f,%.0f of %dx%d\n",
				b.GetBatchNumber(), e.GetCameraId(), e.GetEpoch(), e.GetSequence(), brightness, change,
				x*t.GetScaleX()+t.GetOffsetX(), y*t.GetScaleY()+t.GetOffsetY(), e.GetSourceWidth(), e.GetSourceHeight())
		}
		if batches--; batches <= 0 {
			break
		}
		// The next turn of the loop asks for the newest frames.
	}
	return nil
}

// compare returns the mean of pixels, their mean difference from those before, if there
// are any, and the index of the largest one.
func compare(pixels, before []byte) (brightness, change float64, where int) {
	sum, differences, largest := 0, 0, -1
	for i, v := range pixels {
		sum += int(v)
		if before != nil {
			d := max(int(v), int(before[i])) - min(int(v), int(before[i]))
			differences += d
			if d > largest {
				largest, where = d, i
			}
		}
	}
	n := float64(len(pixels))
	return float64(sum) / n, float64(differences) / n, where
}
