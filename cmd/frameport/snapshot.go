package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/frameport/frameport/api/client"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// outputFlags choose the picture.
type outputFlags struct {
	Format  string `help:"jpeg, rgb24, bgr24, nv12 or gray8." enum:"jpeg,rgb24,bgr24,nv12,gray8" default:"jpeg"`
	Width   int32  `help:"Width in pixels; 0 keeps the aspect ratio, or the size."`
	Height  int32  `help:"Height in pixels."`
	Fit     string `help:"How the picture is put into another aspect ratio: contain, cover, stretch or letterbox." enum:"contain,cover,stretch,letterbox" default:"contain"`
	Quality *int32 `help:"JPEG quality, 1 to 100."`
}

func (o outputFlags) spec() *frameportv1.OutputSpec {
	return &frameportv1.OutputSpec{
		Format:  enumOf[frameportv1.ImageFormat](frameportv1.ImageFormat_value, "IMAGE_FORMAT_", o.Format),
		Width:   o.Width,
		Height:  o.Height,
		Fit:     enumOf[frameportv1.Fit](frameportv1.Fit_value, "FIT_", o.Fit),
		Quality: o.Quality,
	}
}

type snapshotCmd struct {
	connection
	outputFlags
	Output string        `short:"o" help:"File to write; - is standard output. Default: CAMERA.jpg, or CAMERA-WxH.FORMAT for raw pixels." placeholder:"FILE"`
	MaxAge time.Duration `help:"Wait for a frame that is not older than this."`
	Wait   time.Duration `help:"How long to wait for a frame that qualifies." default:"5s"`
	JSON   bool          `help:"Print what is known about the frame as JSON (without its pixels)."`
	ID     string        `arg:"" name:"camera" help:"Name of the camera."`
}

// Run writes one frame to a file.
func (c *snapshotCmd) Run(ctx context.Context, io streams) error {
	if ext := strings.ToLower(filepath.Ext(c.Output)); slices.Contains([]string{".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"}, ext) {
		return fmt.Errorf("%s: frameport writes JPEG and raw pixels, not %s; name the file .jpg, or choose --format and another ending", c.Output, ext)
	}
	c.Timeout = max(c.Timeout, c.Wait+time.Second)
	return c.call(ctx, func(ctx context.Context, cl *client.Client) error {
		f, err := cl.Latest(ctx, c.ID, client.LatestOptions{Output: c.spec(), MaxAge: max(c.MaxAge, 0), Wait: c.Wait})
		if err != nil {
			return err
		}
		return c.write(io, f)
	})
}

func (c *snapshotCmd) write(io streams, f *frameportv1.Frame) error {
	name := c.Output
	if name == "" {
		name = filepath.Clean(c.ID) + ".jpg"
		if c.Format != "jpeg" {
			name = fmt.Sprintf("%s-%dx%d.%s", filepath.Clean(c.ID), f.GetWidth(), f.GetHeight(), c.Format)
		}
	}
	data := f.GetData()
	f.Data = nil
	report := io.out
	if name == "-" {
		report = io.err
		if _, err := io.out.Write(data); err != nil {
			return err
		}
	} else if err := writeFile(name, data); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(report, f)
	}
	_, err := fmt.Fprintf(report, "%s: %dx%d %s, %d bytes, frame %d/%d, %s old\n", name, f.GetWidth(), f.GetHeight(),
		word(f.GetFormat().String(), "IMAGE_FORMAT_"), len(data), f.GetEpoch(), f.GetSequence(),
		roundAge(time.Since(f.GetReceivedTime().AsTime())))
	return err
}

// writeFile replaces name in one step, so that a reader never sees half a picture.
func writeFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".frameport-*")
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err // the temporary name is nobody's business
	}
	if err != nil {
		return fmt.Errorf("write %s: folder %s: %w", name, filepath.Dir(name), err)
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
