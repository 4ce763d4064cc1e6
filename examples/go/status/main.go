// Command status prints how all cameras are, and with -follow every change as well:
//
//	status -address 127.0.0.1:50051 -follow
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

func main() {
	address := flag.String("address", cmp.Or(os.Getenv("FRAMEPORT_ADDRESS"), "127.0.0.1:50051"), "gRPC address of the worker, HOST:PORT or unix:/PATH")
	selector := flag.String("selector", "", "only cameras with these labels")
	follow := flag.Bool("follow", false, "go on with changes")
	flag.Parse()
	if err := run(*address, *selector, *follow); err != nil {
		log.Fatal(err)
	}
}

func run(address, selector string, follow bool) error {
	worker, err := client.Dial(address)
	if err != nil {
		return err
	}
	defer worker.Close()
	for {
		err := watch(worker.Cameras, selector, follow)
		if !follow || status.Code(err) != codes.Unavailable {
			return err
		}
		time.Sleep(time.Second) // the worker restarts
	}
}

// watch needs no backlog and no list call first: a watch begins with the state of
// every camera, and SYNCED says that those were all.
func watch(cameras frameportv1.CameraServiceClient, selector string, follow bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := cameras.WatchCameras(ctx, &frameportv1.WatchCamerasRequest{LabelSelector: selector})
	if err != nil {
		return err
	}
	for {
		e, err := stream.Recv()
		if err != nil {
			return err
		}
		if e.GetType() == frameportv1.CameraEventType_CAMERA_EVENT_TYPE_SYNCED {
			if !follow {
				return nil
			}
			continue
		}
		s := e.GetCamera().GetStatus()
		fmt.Printf("%s %s %s\n", e.GetCamera().GetCameraId(), s.GetState(), s.GetFault().GetMessage())
	}
}
