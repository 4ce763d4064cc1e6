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

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// maxMessage is the largest message that this program takes; gRPC's default of 4 MiB
// is less than a 1080p frame.
const maxMessage = 32 << 20

func main() {
	address := flag.String("address", cmp.Or(os.Getenv("FRAMEPORT_ADDRESS"), "127.0.0.1:50051"), "gRPC address of the worker")
	frames := flag.Int("frames", 5, "how many frames to take")
	work := flag.Duration("work", 0, "how long to work on each")
	flag.Parse()
	if err := watch(*address, *frames, *work, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func watch(address string, frames int, work time.Duration, cameras []string) error {
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	stream, err := frameportv1.NewFrameServiceClient(conn).WatchFrames(ctx)
	if err != nil {
		return err
	}
	start := &frameportv1.WatchFramesStart{
		CameraIds:       cameras, // none = all
		Output:          &frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_RGB24, Width: 640},
		MaxMessageBytes: maxMessage,
	}
	if err := stream.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Start{Start: start}}); err != nil {
		return err
	}
	for range frames {
		r, err := stream.Recv() // uses the one credit
		if err != nil {
			return err
		}
		f := r.GetFrame()
		age := time.Since(f.GetReceivedTime().AsTime())
		at := image.Pt(int(f.GetWidth())/2, int(f.GetHeight())/2)
		plane := f.GetPlanes()[0]
		pixel := f.GetData()[int(plane.GetOffset())+at.Y*int(plane.GetStride())+at.X*3:][:3]
		fmt.Printf("%s %d/%d %dx%d, centre %v, age %v, skipped %d\n", f.GetCameraId(), f.GetEpoch(), f.GetSequence(),
			f.GetWidth(), f.GetHeight(), pixel, age.Round(time.Millisecond), f.GetSkipped().GetSlowConsumer())
		time.Sleep(work)
		// Ready for the next one.
		if err := stream.Send(&frameportv1.WatchFramesRequest{Request: &frameportv1.WatchFramesRequest_Credits{Credits: 1}}); err != nil {
			return err
		}
	}
	return nil
}
