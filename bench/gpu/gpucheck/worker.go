package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
)

// worker is a "frameport serve" on the GPU with a client's connection to it.
type worker struct {
	cmd     *exec.Cmd
	said    *tail
	state   string // folder
	conn    *grpc.ClientConn
	admin   frameportv1.WorkerServiceClient
	cameras frameportv1.CameraServiceClient
	frames  frameportv1.FrameServiceClient
}

// startWorker starts an empty worker, and waits until it answers.
func startWorker(ctx context.Context, b bundle) (*worker, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	w := &worker{said: &tail{}}
	if w.state, err = os.MkdirTemp("", "gpucheck-state-"); err != nil {
		return nil, err
	}
	args := []string{
		"serve", "--camera-loopback", "--backend", "cuda", "--grpc-address", address + "," + w.socket(), "--http-address", "off",
		"--state-dir", w.state, "--log-level", "warn",
	}
	if b.libraryPath != "" {
		args = append(args, "--gpu-library-path", b.libraryPath)
	}
	w.cmd = exec.CommandContext(ctx, b.path("frameport"), args...)
	w.cmd.Stdout, w.cmd.Stderr = w.said, w.said
	w.cmd.Cancel = func() error { return w.cmd.Process.Signal(syscall.SIGTERM) }
	w.cmd.WaitDelay = reserve - time.Second // it is ended when the time is over
	if err := w.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(w.state))
	}
	w.conn, err = grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second}}))
	if err != nil {
		return nil, errors.Join(err, w.stop())
	}
	w.admin = frameportv1.NewWorkerServiceClient(w.conn)
	w.cameras = frameportv1.NewCameraServiceClient(w.conn)
	w.frames = frameportv1.NewFrameServiceClient(w.conn)
	// A worker that ends at its start never answers.
	answered, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := w.admin.GetWorker(answered, &frameportv1.GetWorkerRequest{}, grpc.WaitForReady(true)); err != nil {
		return nil, errors.Join(fmt.Errorf("start of the worker: %w", err), w.stop())
	}
	return w, nil
}

// socket is where local clients reach it.
func (w *worker) socket() string { return "unix:" + filepath.Join(w.state, "socket") }

// stop ends the worker, and fails unless it ends cleanly.
func (w *worker) stop() error {
	var err error
	if w.conn != nil {
		err = w.conn.Close()
	}
	// One that has ended already shows in Wait.
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	if ended := w.cmd.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("the worker ended with %w: %s", ended, w.said))
	}
	return errors.Join(err, os.RemoveAll(w.state))
}

// add adds a camera whose every frame is decoded.
func (w *worker) add(ctx context.Context, id, url string) error {
	_, err := w.cameras.AddCamera(ctx, &frameportv1.AddCameraRequest{CameraId: id, Spec: &frameportv1.CameraSpec{
		Url: url, Transport: frameportv1.Transport_TRANSPORT_TCP,
		Decode: &frameportv1.DecodePolicy{Mode: frameportv1.DecodeMode_DECODE_MODE_ALL},
	}})
	return err
}

// processor is the processor time that the worker has used.
func (w *worker) processor() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in parentheses and may hold anything; user and
	// system time are fields 14 and 15 (proc(5)), in hundredths of a second.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc: too few fields")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / 100, err
}

// startCameras starts n simulated cameras of 720p25 in this process.
func startCameras(n int) (*camsim.Server, []string, error) {
	clip, err := testvideo.Load("h264_720p")
	if err != nil {
		return nil, nil, err
	}
	server, err := camsim.Start(camsim.Config{})
	if err != nil {
		return nil, nil, err
	}
	var urls []string
	for i := range n {
		h, err := server.Add(fmt.Sprintf("camera%d", i), camsim.Camera{Clip: clip})
		if err != nil {
			return nil, nil, errors.Join(err, server.Close())
		}
		urls = append(urls, h.URL())
	}
	return server, urls, nil
}

// freeAddress is a loopback address that nobody listens on at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
