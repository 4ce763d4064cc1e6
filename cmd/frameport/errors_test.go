package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
)

// Wrong usage ends with status 2, what can't be done with 1; both say what to do.
func TestErrors(t *testing.T) {
	w := startWorker(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := "--address=" + w.grpc
	for _, tc := range []struct {
		args   []string
		status int
		text   []string
	}{
		{nil, 2, []string{"expected one of", "--help"}},
		{[]string{"dance"}, 2, []string{"unexpected argument dance", "--help"}},
		{[]string{"camera"}, 2, []string{"--help"}},
		{[]string{"camera", "update", "x", "rtsp://u:geheim@h/"}, 2, []string{"rtsp://u:***@h/", "--url", `"frameport camera update --help"`}},
		{[]string{"camera", "add", "x"}, 2, []string{"<url>", "--help"}},
		{[]string{"camera", "add", "x", "rtsp://h/", "--transport=pigeon"}, 2, []string{"--transport", `"auto"`, `"udp"`}},
		{[]string{"camera", "update", "x", "--max-width=wide"}, 2, []string{"--max-width", `"wide"`}},
		{[]string{"snapshot", "x", "--format=gif"}, 2, []string{"--format", "jpeg"}},
		{[]string{"watch", "x", "--duration=soon"}, 2, []string{"--duration", `"soon"`}},

		{[]string{"camera", "update", "x", at}, 1, []string{"nothing to change", "camera update --help"}},
		{[]string{"camera", "show", "x", at}, 1, []string{`"x"`, "[NotFound CAMERA_NOT_FOUND]"}},
		{[]string{"camera", "remove", "x", at}, 1, []string{"[NotFound CAMERA_NOT_FOUND]"}},
		{[]string{"camera", "list", "-l", "a=b,,c", at}, 1, []string{"label_selector", "[InvalidArgument INVALID_LABEL_SELECTOR]"}},
		{[]string{"camera", "watch", "No!", at}, 1, []string{"camera_id: ", "use 1 to 63 characters", "[InvalidArgument INVALID_CAMERA_ID]"}},
		{[]string{"camera", "add", "x", "rtsp://h/", "--password-file=/no/such/file", at}, 1, []string{"read password", "/no/such/file"}},
		{[]string{"snapshot", "x", at}, 1, []string{"[NotFound CAMERA_NOT_FOUND]"}},

		{[]string{"camera", "list", "--address=" + nobody}, 1, []string{"no worker answers at " + nobody, `"frameport serve"`, "--address"}},
		{[]string{"snapshot", "x", "-o", "-", "--address=" + nobody}, 1, []string{"no worker answers at " + nobody}},
		{[]string{"watch", "--address=" + nobody}, 1, []string{"no worker answers at " + nobody}},
		{[]string{"camera", "watch", "--address=" + nobody}, 1, []string{"no worker answers at " + nobody}},

		{[]string{"serve", "--grpc-address=0.0.0.0:0", "--state-dir="}, 1, []string{"0.0.0.0:0", "listen on 127.0.0.1:0", "--insecure"}},
		{[]string{"serve", "--http-address=nonsense", "--state-dir="}, 1, []string{"nonsense", "host:port"}},
		{[]string{"serve", "--grpc-address=" + w.grpc, "--state-dir="}, 1, []string{w.grpc, "address already in use"}},
		{[]string{"serve", "--config=/no/such/file"}, 1, []string{"/no/such/file"}},
		{[]string{"serve", "--grpc-address=127.0.0.1:0", "--http-address=off", "--state-dir=" + file}, 1, []string{file}},
		{[]string{"serve", "--backend=abacus"}, 2, []string{"--backend", `"cuda"`}},
	} {
		out, errs, status := command(t, "", tc.args...)
		if status != tc.status {
			t.Errorf("frameport %q: status %d, want %d", tc.args, status, tc.status)
		}
		contains(t, errs, append(tc.text, "frameport: ")...)
		if status == 1 && out != "" {
			t.Errorf("frameport %q wrote %q", tc.args, out)
		}
		if strings.Contains(errs, "rpc error") {
			t.Errorf("frameport %q speaks of the transport: %s", tc.args, errs)
		}
	}
}

// A backend that this worker lacks is refused by name.
func TestBackendUnavailable(t *testing.T) {
	w := startWorker(t)
	for _, flags := range [][]string{{"--backend=cuda"}, {"--device=0"}} {
		_, errs, status := command(t, "", append([]string{"camera", "add", "gpu", "rtsp://127.0.0.1/x", "--address=" + w.grpc}, flags...)...)
		if status != 1 {
			t.Errorf("%q: status %d", flags, status)
		}
		contains(t, errs, "BACKEND_UNAVAILABLE", "CPU")
	}
}

// Who is refused for being too fast is told when to come back.
func TestTooFastSaysWhenToComeBack(t *testing.T) {
	err := apierr.New(codes.ResourceExhausted, apierr.TooManyChanges, "slow down", apierr.RetryAfter(3*time.Second))
	if got := explain(err); got != "slow down; try again in 3s [ResourceExhausted TOO_MANY_CHANGES]" {
		t.Errorf("%q", got)
	}
}

// Mistakes that are found without asking the worker.
func TestMistakes(t *testing.T) {
	for _, tc := range []struct {
		args []string
		text string
	}{
		{[]string{"camera", "list", "--address=localhost"}, "write host:port"},
		{[]string{"snapshot", "door", "--output=door.png"}, "name the file .jpg"},
	} {
		_, errs, status := command(t, "", tc.args...)
		if status != 1 {
			t.Errorf("frameport %q: status %d", tc.args, status)
		}
		contains(t, errs, tc.text)
	}
}

// A command that is interrupted ends quietly.
func TestInterrupt(t *testing.T) {
	w := startWorker(t)
	for _, args := range [][]string{{"watch"}, {"camera", "watch"}, {"camera", "list"}} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var out, errs output
		if status := run(ctx, append(args, "--address="+w.grpc), streams{nil, &out, &errs}); status != 0 || errs.String() != "" {
			t.Errorf("%q: status %d, %s", args, status, errs.String())
		}
	}
}

func TestVersionAndDoctor(t *testing.T) {
	t.Parallel()
	out, _, status := command(t, "", "version")
	if status != 0 {
		t.Errorf("status %d", status)
	}
	contains(t, out, "frameport "+version+" (go")
	out, errs, status := command(t, "", "doctor", "--backend=cpu")
	if status != 0 || errs != "" {
		t.Errorf("status %d, %s", status, errs)
	}
	contains(t, out, "version", "system", "backend", "CPU", "reason", "decodes", "H264", "H265", "MJPEG", "VP8", "VP9", "isolation", "open files")
	if out, _, status = command(t, "", "--help"); status != 0 {
		t.Errorf("status %d", status)
	}
	contains(t, out, "serve", "demo", "camera add", "snapshot", "watch", "doctor", "version")
}

func TestExplainKeepsForeignErrors(t *testing.T) {
	t.Parallel()
	if got := explain(errors.New("plain")); got != "plain" {
		t.Errorf("%q", got)
	}
}
