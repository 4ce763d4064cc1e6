package main

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

type cameraAddCmd struct {
	connection
	cameraFlags
	JSON bool   `help:"Print the camera as JSON."`
	ID   string `arg:"" name:"id" help:"Name of the camera: lower-case letters, digits, - and _."`
	URL  string `arg:"" name:"url" help:"rtsp:// or rtsps:// address."`
}

// Run adds one camera.
func (c *cameraAddCmd) Run(ctx context.Context, io streams) error {
	spec := &frameportv1.CameraSpec{Url: c.URL}
	if _, err := c.apply(spec, io.in); err != nil {
		return err
	}
	return c.call(ctx, func(ctx context.Context, cl *client.Client) error {
		r, err := cl.Cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: c.ID, Spec: spec})
		if err != nil {
			return err
		}
		return printCamera(io.out, r.GetCamera(), c.JSON, "added")
	})
}

type cameraUpdateCmd struct {
	connection
	cameraFlags
	JSON bool    `help:"Print the camera as JSON."`
	ID   string  `arg:"" name:"id" help:"Name of the camera."`
	URL  *string `name:"url" help:"New address."`
}

// Run changes the parts of a camera that were named by flags.
func (c *cameraUpdateCmd) Run(ctx context.Context, io streams) error {
	spec := &frameportv1.CameraSpec{}
	paths, err := c.apply(spec, io.in)
	if err != nil {
		return err
	}
	if c.URL != nil {
		spec.Url = *c.URL
		paths = append(paths, "url")
	}
	if len(paths) == 0 {
		return fmt.Errorf("nothing to change: give at least one flag (see frameport camera update --help)")
	}
	return c.call(ctx, func(ctx context.Context, cl *client.Client) error {
		r, err := cl.Cameras.UpdateCamera(ctx, &frameportv1.UpdateCameraRequest{
			CameraId: c.ID, Spec: spec, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
		if err != nil {
			return err
		}
		return printCamera(io.out, r.GetCamera(), c.JSON, "updated")
	})
}

type cameraRemoveCmd struct {
	connection
	IDs []string `arg:"" name:"id" help:"Names of the cameras."`
}

// Run removes cameras one by one and stops at the first that can't be.
func (c *cameraRemoveCmd) Run(ctx context.Context, io streams) error {
	return c.open(ctx, func(ctx context.Context, cl *client.Client) error {
		for _, id := range c.IDs {
			ctx, cancel := context.WithTimeout(ctx, c.Timeout)
			_, err := cl.Cameras.RemoveCamera(ctx, &frameportv1.RemoveCameraRequest{CameraId: id})
			cancel()
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(io.out, "removed %s\n", id); err != nil {
				return err
			}
		}
		return nil
	})
}
