package main

import (
	"context"
	"fmt"
	"io"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

type cameraListCmd struct {
	connection
	Selector string `short:"l" help:"Only cameras with these labels, for example site=north,lens!=fisheye."`
	JSON     bool   `help:"Print JSON, one camera per line."`
}

// Run lists all cameras, page by page.
func (c *cameraListCmd) Run(ctx context.Context, io streams) error {
	return c.call(ctx, func(ctx context.Context, cl *client.Client) error {
		var cameras []*frameportv1.Camera
		for token := ""; ; {
			r, err := cl.Cameras.ListCameras(ctx, &frameportv1.ListCamerasRequest{PageToken: token, LabelSelector: c.Selector})
			if err != nil {
				return err
			}
			cameras = append(cameras, r.GetCameras()...)
			if token = r.GetNextPageToken(); token == "" {
				break
			}
		}
		if c.JSON {
			for _, cam := range cameras {
				if err := printJSON(io.out, cam); err != nil {
					return err
				}
			}
			return nil
		}
		if len(cameras) == 0 {
			_, err := fmt.Fprintln(io.out, "No cameras. Add one with: frameport camera add NAME rtsp://HOST/PATH")
			return err
		}
		return printCameras(io.out, cameras)
	})
}

type cameraShowCmd struct {
	connection
	JSON bool   `help:"Print JSON."`
	ID   string `arg:"" name:"id" help:"Name of the camera."`
}

// Run shows one camera in full.
func (c *cameraShowCmd) Run(ctx context.Context, io streams) error {
	return c.call(ctx, func(ctx context.Context, cl *client.Client) error {
		r, err := cl.Cameras.GetCamera(ctx, &frameportv1.GetCameraRequest{CameraId: c.ID})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(io.out, r.GetCamera())
		}
		return showCamera(io.out, r.GetCamera())
	})
}

type cameraWatchCmd struct {
	connection
	Selector string   `short:"l" help:"Only cameras with these labels."`
	JSON     bool     `help:"Print JSON, one event per line."`
	IDs      []string `arg:"" optional:"" name:"id" help:"Names of cameras; none = all."`
}

// Run prints camera events until it is interrupted.
func (c *cameraWatchCmd) Run(ctx context.Context, io streams) error {
	return c.open(ctx, func(ctx context.Context, cl *client.Client) error {
		stream, err := cl.Cameras.WatchCameras(ctx, &frameportv1.WatchCamerasRequest{CameraIds: c.IDs, LabelSelector: c.Selector})
		if err != nil {
			return err
		}
		for {
			e, err := stream.Recv()
			if err != nil {
				return err
			}
			if c.JSON {
				err = printJSON(io.out, e)
			} else {
				err = printEvent(io.out, e)
			}
			if err != nil {
				return err
			}
		}
	})
}

func printEvent(w io.Writer, e *frameportv1.WatchCamerasResponse) error {
	if e.GetType() == frameportv1.CameraEventType_CAMERA_EVENT_TYPE_SYNCED {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s  %-24s %-15s %-10s %s\n",
		e.GetTime().AsTime().Local().Format("15:04:05.000"), e.GetCamera().GetCameraId(),
		word(e.GetType().String(), "CAMERA_EVENT_TYPE_"), stateWord(e.GetCamera()), e.GetCause())
	return err
}
