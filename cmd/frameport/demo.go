package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"time"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

type demoCmd struct {
	Duration    time.Duration `help:"End after this time, with an error unless every camera delivered; 0 = run until interrupted."`
	OutputDir   string        `default:"frameport-demo" help:"Folder for one JPEG per camera." placeholder:"DIR"`
	GRPCAddress string        `name:"grpc-address" default:"127.0.0.1:50051" help:"Where to serve gRPC: HOST:PORT or unix:/PATH."`
	HTTPAddress string        `name:"http-address" default:"127.0.0.1:8080" help:"Where to serve HTTP."`
	gpuFlags
	Backend     string `enum:"auto,cuda,cpu" default:"auto" env:"FRAMEPORT_BACKEND" help:"What decodes: auto, cuda or cpu."`
	RTSPAddress string `name:"rtsp-address" default:"127.0.0.1:8554" help:"Where the synthetic cameras listen."`
}

// demoCameras are the synthetic cameras: name and clip.
func demoCameras() [][2]string {
	return [][2]string{
		{"street", "h264_720p"},
		{"parking", "h264_1080p"},
		{"entrance", "h265_720p"},
		{"workshop", "mjpeg_480p"},
	}
}

// Run starts the cameras and a worker, and is then a client of that worker like
// any other.
func (c *demoCmd) Run(ctx context.Context, io streams) error {
	if c.Duration > 0 {
		// No deadline, which would travel with the calls to the worker.
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer time.AfterFunc(c.Duration, cancel).Stop()
	}
	wanted := []string{c.RTSPAddress, c.GRPCAddress, c.HTTPAddress}
	settings := config.Worker{GRPCAddress: freeAddress(c.GRPCAddress), HTTPAddress: freeAddress(c.HTTPAddress), LogLevel: "warn"}
	settings.CameraAddresses.Loopback = true // where its cameras are
	c.apply(&settings.GPU)
	if err := settings.Backend.UnmarshalText([]byte(c.Backend)); err != nil {
		return err
	}
	settings.EnsureDefaults()
	log, err := newLogger(io.err, settings)
	if err != nil {
		return err
	}
	cams, declared, err := c.cameras()
	if err != nil {
		return err
	}
	defer func() { _ = cams.Close() }()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready := make(chan [2]net.Addr, 1)
	worker := make(chan error, 1)
	go func() {
		worker <- runWorker(ctx, workerConfig{
			settings: settings,
			declared: declared,
			log:      log,
			ready:    func(grpc, http net.Addr) { ready <- [2]net.Addr{grpc, http} },
		})
	}()
	select {
	case err := <-worker:
		return err
	case at := <-ready:
		view := demoView{io: io, dir: c.OutputDir, grpc: at[0].String(), http: at[1].String(), rtsp: cams.Addr()}
		view.moved(wanted)
		err = view.run(ctx)
	}
	stop()
	return errors.Join(err, <-worker)
}

// cameras starts the synthetic cameras and returns their declarations.
func (c *demoCmd) cameras() (*camsim.Server, []config.Declared, error) {
	srv, err := camsim.Start(camsim.Config{Addr: freeAddress(c.RTSPAddress)})
	if err != nil {
		return nil, nil, fmt.Errorf("synthetic cameras: %w", err)
	}
	var declared []config.Declared
	for _, cam := range demoCameras() {
		clip, err := testvideo.Load(cam[1])
		if err != nil {
			return nil, nil, errors.Join(err, srv.Close())
		}
		h, err := srv.Add(cam[0], camsim.Camera{Clip: clip})
		if err != nil {
			return nil, nil, errors.Join(err, srv.Close())
		}
		spec := config.Camera{URL: h.URL(), Labels: map[string]string{"demo": "true"}}
		spec.EnsureDefaults()
		declared = append(declared, config.Declared{ID: cam[0], Spec: spec, Origin: "demo"})
	}
	return srv, declared, nil
}

// freeAddress returns address, or the same host with any free port when another
// program holds it: the demo shall come up on a busy machine as well.
func freeAddress(address string) string {
	l, err := net.Listen("tcp", address)
	if err == nil {
		_ = l.Close()
		return address
	}
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil || !errors.Is(err, syscall.EADDRINUSE) {
		return address // the worker says what is wrong with it
	}
	return net.JoinHostPort(host, "0")
}

// pictureName is the file of one camera's JPEG.
func (v *demoView) pictureName(c *frameportv1.Camera) string {
	return filepath.Join(v.dir, c.GetCameraId()+".jpg")
}
