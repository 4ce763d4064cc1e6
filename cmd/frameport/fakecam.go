package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

type fakecamCmd struct {
	List     bool          `help:"List faults and clips, and end."`
	Fault    []string      `help:"What is wrong with the camera; may be given more than once." placeholder:"NAME"`
	Clip     string        `default:"h264_720p" help:"What it shows." placeholder:"NAME"`
	FPS      float64       `name:"fps" help:"Pictures per second; 0 = the clip's."`
	Audio    bool          `help:"Send a tone as well."`
	Username string        `help:"User name that the camera asks for; empty = it asks for none."`
	Password string        `help:"Its password. It shows in the process listing: take one that is good for nothing else."`
	Cameras  int           `default:"1" help:"How many cameras, at /1, /2 and so on."`
	Host     string        `default:"127.0.0.1" help:"Address to listen on."`
	Port     uint16        `default:"8554" help:"Port to listen on; 0 = any free one."`
	TLS      bool          `name:"tls" help:"Speak rtsps, with a certificate that the camera signs itself."`
	Duration time.Duration `help:"End after this time; 0 = run until interrupted."`
}

// Run is a camera that does what it is told to do wrong.
func (c *fakecamCmd) Run(ctx context.Context, io streams) error {
	if c.List {
		return c.list(io)
	}
	faults, err := c.faults()
	if err != nil {
		return err
	}
	clip, err := testvideo.Load(c.Clip)
	if err != nil {
		return fmt.Errorf("no clip %q: frameport fakecam --list shows all", c.Clip)
	}
	if c.Cameras < 1 || c.Cameras > 1000 {
		return fmt.Errorf("--cameras is %d: give 1 to 1000", c.Cameras)
	}
	server, err := camsim.Start(camsim.Config{Addr: net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), TLS: c.TLS})
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	var b camsim.Behaviour
	for _, f := range faults {
		if f.Set != nil {
			f.Set(&b)
		}
	}
	scripts := make(chan error, len(faults)*c.Cameras)
	running := 0
	for i := range c.Cameras {
		h, err := server.Add(strconv.Itoa(i+1), camsim.Camera{
			Clip: clip, FPS: c.FPS, Audio: c.Audio, Username: c.Username, Password: c.Password, Behaviour: b,
		})
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(io.out, h.URL())
		for _, f := range faults {
			if f.Run != nil {
				running++
				go func() { scripts <- f.Run(ctx, server, h) }()
			}
		}
	}
	if pin := server.CertificateSHA256(); pin != "" {
		_, _ = fmt.Fprintln(io.out, "SHA-256 of the certificate:", pin)
	}
	<-ctx.Done()
	for range running {
		if serr := <-scripts; serr != nil {
			err = serr
		}
	}
	return err
}

// faults finds what was asked for.
func (c *fakecamCmd) faults() (out []camsim.Fault, err error) {
	all := camsim.Faults()
	for _, name := range c.Fault {
		i := slices.IndexFunc(all, func(f camsim.Fault) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no fault %q: frameport fakecam --list shows all", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

func (c *fakecamCmd) list(io streams) error {
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FAULT\tWHAT THE CAMERA DOES")
	for _, f := range camsim.Faults() {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", f.Name, f.Text)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, "\nClips:", strings.Join(testvideo.Names(), ", "))
	return err
}
