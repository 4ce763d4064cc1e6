package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
)

func TestFakecamList(t *testing.T) {
	out, errs, status := command(t, "", "fakecam", "--list")
	if status != 0 || errs != "" {
		t.Errorf("status %d, %s", status, errs)
	}
	contains(t, out, "reboot", "freeze", "wrong-password", "h264_720p")
	for _, args := range [][]string{{"--fault=nothing"}, {"--clip=nothing"}, {"--cameras=0", "--port=0"}} {
		if _, errs, status := command(t, "", append([]string{"fakecam"}, args...)...); status != 1 || errs == "" {
			t.Errorf("%q: status %d, %s", args, status, errs)
		}
	}
}

// A worker meets two of them: one is good, and one has been told to be busy.
func TestFakecam(t *testing.T) {
	play := func(args ...string) (url string) {
		ctx, cancel := context.WithCancel(t.Context())
		r, w := io.Pipe()
		done := make(chan int, 1)
		go func() {
			done <- run(ctx, append([]string{"fakecam", "--port=0", "--clip=color_bars_bt709"}, args...), streams{strings.NewReader(""), w, w})
			_ = w.Close()
		}()
		lines := bufio.NewReader(r)
		url, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cancel()
			if _, err := io.Copy(io.Discard, lines); err != nil {
				t.Error(err)
			}
			if status := <-done; status != 0 {
				t.Errorf("fakecam ended with status %d", status)
			}
		})
		return strings.TrimSpace(url)
	}
	good, busy := play("--audio"), play("--fault=busy", "--fault=resets")
	var declared []config.Declared
	for id, url := range map[string]string{"good": good, "busy": busy} {
		spec := config.Camera{URL: url, Transport: config.TransportTCP}
		spec.EnsureDefaults()
		declared = append(declared, config.Declared{ID: id, Spec: spec, Origin: "test"})
	}
	w := startWorker(t, declared...)
	until(t, "both to be as told", func() bool {
		out, _, _ := command(t, "", "camera", "list", "--address="+w.grpc)
		return strings.Contains(out, "RUNNING") && strings.Contains(out, "FAILED") && strings.Contains(strings.ToLower(out), fault.Busy.String())
	})
}
