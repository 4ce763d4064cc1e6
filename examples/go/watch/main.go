// Command watch follows cameras and gets raw pixels, always the newest:
//
//	watch -address 127.0.0.1:50051 -frames 5 [CAMERA...]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"image"
	"log"
	"os"
	"time"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func main() {
	address := flag.String("address", cmp.Or(os.Getenv("FRAMEPORT_ADDRESS"), "127.0.0.1:50051"), "gRPC address of the worker, HOST:PORT or unix:/PATH")
	frames := flag.Int("frames", 5, "how many frames to take")
	work := flag.Duration("work", 0, "how long to work on each")
	flag.Parse()
	if err := watch(*address, *frames, *work, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func watch(address string, frames int, work time.Duration, cameras []string) error {
	worker, err := client.Dial(address)
	if err != nil {
		return err
	}
	defer worker.Close()
	clock, err := worker.Clock(context.Background()) // the worker may be another machine
	if err != nil {
		return err
	}

	for f, err := range worker.Watch(context.Background(), client.WatchOptions{
		Cameras: cameras, // none = all
		Output:  &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_RGB24, Width: 640},
	}) {
		if err != nil {
			return err
		}
		age := time.Since(clock.Local(f.GetReceivedTime().AsTime()))
		at := image.Pt(int(f.GetWidth())/2, int(f.GetHeight())/2)
		plane := f.GetPlanes()[0]
		pixel := f.GetData()[int(plane.GetOffset())+at.Y*int(plane.GetStride())+at.X*3:][:3]
		fmt.Printf("%s %d/%d %dx%d, centre %v, age %v, skipped %d\n", f.GetCameraId(), f.GetEpoch(), f.GetSequence(),
			f.GetWidth(), f.GetHeight(), pixel, age.Round(time.Millisecond), f.GetSkipped().GetSlowConsumer())
		if frames--; frames <= 0 {
			break
		}
		time.Sleep(work)
		// The next turn of the loop asks for the newest frame.
	}
	return nil
}
