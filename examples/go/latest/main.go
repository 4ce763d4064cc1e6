// Command latest writes the newest picture of a camera to a file:
//
//	latest -address 127.0.0.1:50051 CAMERA FILE
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func main() {
	address := flag.String("address", cmp.Or(os.Getenv("FRAMEPORT_ADDRESS"), "127.0.0.1:50051"), "gRPC address of the worker, HOST:PORT or unix:/PATH")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: latest [-address ADDRESS] CAMERA FILE")
	}
	if err := latest(*address, flag.Arg(0), flag.Arg(1)); err != nil {
		switch reason, _ := apierr.ReasonOf(err); reason {
		case apierr.CameraNotFound:
			log.Fatal("there is no such camera")
		case apierr.NoFrameYet:
			log.Fatalf("the camera is %s with fault %s", apierr.Metadata(err)[apierr.MetaState], apierr.Metadata(err)[apierr.MetaFaultClass])
		default:
			log.Fatal(err)
		}
	}
}

func latest(address, camera, file string) error {
	worker, err := client.Dial(address)
	if err != nil {
		return err
	}
	defer worker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	f, err := worker.Latest(ctx, camera, client.LatestOptions{
		Output: &frameportv1.OutputSpec{Width: 640},
		Wait:   3 * time.Second, // for the camera's first frame
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s: %dx%d, %d bytes, frame %d/%d\n", file, f.GetWidth(), f.GetHeight(), len(f.GetData()), f.GetEpoch(), f.GetSequence())
	return os.WriteFile(file, f.GetData(), 0o644)
}
