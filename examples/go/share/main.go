// Command share follows a camera without copying its frames: they are read where the
// worker has them. It runs on the worker's machine and as its user:
//
//	share -address 127.0.0.1:50051 -frames 5 CAMERA
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/frameport/frameport/api/client"
)

func main() {
	address := flag.String("address", cmp.Or(os.Getenv("FRAMEPORT_ADDRESS"), "127.0.0.1:50051"), "gRPC address of the worker, HOST:PORT or unix:/PATH")
	frames := flag.Int("frames", 5, "how many frames to take")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("name a camera")
	}
	if err := share(*address, flag.Arg(0), *frames); err != nil {
		log.Fatal(err)
	}
}

func share(address, camera string, frames int) error {
	worker, err := client.Dial(address)
	if err != nil {
		return err
	}
	defer worker.Close()

	for f, err := range worker.Share(context.Background(), camera, client.ShareOptions{}) {
		if err != nil {
			return err
		}
		luma, stride := f.Planes[0], int(f.Region.GetPlanes()[0].GetStride())
		sum, width, height := 0, int(f.Region.GetWidth()), int(f.Region.GetHeight())
		for y := range height {
			for _, v := range luma[y*stride:][:width] {
				sum += int(v)
			}
		}
		age := time.Since(f.GetReceivedTime().AsTime())
		if !f.Valid() { // the lease was over before we were done
			continue
		}
		fmt.Printf("%s %d/%d %v %dx%d, brightness %d, age %v, skipped %d\n", f.GetCameraId(), f.GetEpoch(), f.GetSequence(),
			f.Region.GetFormat(), width, height, sum/(width*height), age.Round(time.Millisecond), f.GetSkipped().GetSlowConsumer())
		if frames--; frames <= 0 {
			break
		}
		// The frame goes back, and the next turn of the loop has the newest.
	}
	return nil
}
