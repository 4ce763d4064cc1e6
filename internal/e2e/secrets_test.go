//go:build cgo

package e2e

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/camsim"
)

// withLogin puts a login into a URL.
func withLogin(raw, password string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	return scheme + "://" + url.UserPassword(canaryUser, password).String() + "@" + rest
}

// vault is hosts with cameras that all want the canary.
type vault struct {
	*Site                     // the logins work
	locked, listed, tls *Site // wrong ones, for API and environment; a certificate nobody trusts
}

func (v vault) lock(s *Site, path string, c camsim.Camera) string {
	c.Username, c.Password = canaryUser, canary
	return s.Camera(path, "h264_change_a", c).URL()
}

// No password appears in a log line, answer, page, metric or process listing,
// however it came in and whatever went wrong with it.
func TestSecrets(t *testing.T) {
	v := vault{
		NewSite(t, camsim.Config{}), NewSite(t, camsim.Config{Addr: "127.0.0.2:0"}),
		NewSite(t, camsim.Config{Addr: "127.0.0.3:0"}), NewSite(t, camsim.Config{Addr: "127.0.0.4:0", TLS: true}),
	}
	digest := v.lock(v.Site, "digest", camsim.Camera{})
	basic := v.lock(v.Site, "basic", camsim.Camera{Auth: camsim.AuthBasic})
	sha := v.lock(v.Site, "sha", camsim.Camera{Auth: camsim.AuthDigestSHA256, Behaviour: camsim.Behaviour{StaleAfter: 4}})
	moved := v.lock(v.Site, "moved", camsim.Camera{Behaviour: camsim.Behaviour{RedirectTo: withLogin(digest, canary)}})
	away := v.lock(v.Site, "away", camsim.Camera{Behaviour: camsim.Behaviour{RedirectTo: withLogin("rtsp://127.0.0.9/there", canary)}})
	parrot := v.lock(v.Site, "parrot", camsim.Camera{Behaviour: camsim.Behaviour{RawSDP: "v=0\r\nm=" + canary + " " + withLogin(digest, canary) + "\r\n"}})
	locked := v.lock(v.locked, "locked", camsim.Camera{})
	lockedBasic := v.lock(v.locked, "basic", camsim.Camera{Auth: camsim.AuthBasic})
	listed := v.lock(v.listed, "listed", camsim.Camera{})
	untrusted := v.lock(v.tls, "tls", camsim.Camera{})

	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir, d := t.TempDir(), newWatchdog()
			config := filepath.Join(dir, "cameras.yaml")
			text := fmt.Sprintf("cameras:\n  file:\n    url: %s\n    credentials: {username: %s, password: '%s'}\n  file-url:\n    url: '%s'\n",
				digest, canaryUser, canary, withLogin(basic, canary))
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			state := filepath.Join(dir, "state")
			w := start(t, []string{"CAMERA_URL_1=" + withLogin(digest, canary), "CAMERA_URL_2=" + withLogin(listed, wrongCanary)},
				"--config="+config, "--state-dir="+state, "--log-level=debug", "--log-format="+format)
			w.listen(d)
			events := w.events(d)
			other := httptest.NewServer(http.NotFoundHandler())
			defer other.Close()

			login := func(p string) *frameportv1.Credentials {
				return &frameportv1.Credentials{Username: canaryUser, Password: p}
			}
			const tcp, udp = frameportv1.Transport_TRANSPORT_TCP, frameportv1.Transport_TRANSPORT_UDP
			for id, spec := range map[string]*frameportv1.CameraSpec{
				"spec":         {Url: digest, Credentials: login(canary), Transport: tcp},
				"spec-basic":   {Url: basic, Credentials: login(canary), Transport: udp},
				"spec-sha":     {Url: sha, Credentials: login(canary), Transport: tcp},
				"url":          {Url: withLogin(digest, canary), Transport: tcp},
				"moved":        {Url: moved, Credentials: login(canary), Transport: tcp},
				"away":         {Url: away, Credentials: login(canary), Transport: tcp},
				"parrot":       {Url: parrot, Credentials: login(canary), Transport: tcp},
				"wrong":        {Url: locked, Credentials: login(wrongCanary), Transport: tcp},
				"wrong-url":    {Url: withLogin(lockedBasic, wrongCanary), Transport: tcp},
				"tls":          {Url: untrusted, Credentials: login(canary)},
				"no-host":      {Url: withLogin("rtsp://no-such-host.invalid/live", canary)},
				"refused":      {Url: withLogin("rtsp://127.0.0.1:1025/live", canary)},
				"wrong-server": {Url: withLogin("rtsp://"+other.Listener.Addr().String()+"/live", canary)},
			} {
				w.add(id, spec)
			}
			w.failingCalls(digest, login)
			w.commands(d, digest, v)

			for id, class := range map[string]frameportv1.FaultClass{
				"away": frameportv1.FaultClass_FAULT_CLASS_POLICY, "parrot": frameportv1.FaultClass_FAULT_CLASS_UNSUPPORTED,
				"wrong": frameportv1.FaultClass_FAULT_CLASS_AUTH, "wrong-url": frameportv1.FaultClass_FAULT_CLASS_AUTH,
				"camera-2": frameportv1.FaultClass_FAULT_CLASS_AUTH, "tls": frameportv1.FaultClass_FAULT_CLASS_POLICY,
				"no-host": frameportv1.FaultClass_FAULT_CLASS_UNREACHABLE, "refused": frameportv1.FaultClass_FAULT_CLASS_UNREACHABLE,
				"wrong-server": frameportv1.FaultClass_FAULT_CLASS_UNREACHABLE,
			} {
				w.faulty(id, class)
			}
			for _, id := range []string{"spec", "spec-basic", "spec-sha", "url", "moved", "file", "file-url", "camera-1"} {
				w.running(id)
			}
			w.pages(d)
			w.processListing(d)
			for _, args := range [][]string{{"list"}, {"list", "--json"}, {"show", "spec"}, {"show", "wrong-url", "--json"}} {
				r := w.command(append([]string{"camera"}, args...)...)
				d.hear("command line", []byte(r.out+r.err))
			}
			w.stop()
			<-events
			d.hear("log", []byte(w.log.String()))
			contains(t, w.log.String(), "DBG"[:map[string]int{"text": 3, "json": 0}[format]], "camera state changed")
			d.check(t, "log", "grpc status", "grpc "+frameportv1.CameraService_WatchCameras_FullMethodName, "grpc "+frameportv1.CameraService_GetCamera_FullMethodName,
				"grpc "+frameportv1.CameraService_ListCameras_FullMethodName, "http /", "http /metrics", "command line", "process listing")
			onlyInState(t, state)
		})
	}
}

// listen makes the worker's clients ones that d hears.
func (w *worker) listen(d *watchdog) {
	w.t.Helper()
	conn, err := grpc.NewClient(w.grpc, append(d.tap(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	w.conn = conn
	w.cameras, w.frames = frameportv1.NewCameraServiceClient(conn), frameportv1.NewFrameServiceClient(conn)
	w.workers = frameportv1.NewWorkerServiceClient(conn)
}

// events follows all cameras until the worker ends.
func (w *worker) events(d *watchdog) (ended chan struct{}) {
	w.t.Helper()
	stream, err := w.cameras.WatchCameras(w.t.Context(), &frameportv1.WatchCamerasRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := stream.Recv(); err != nil {
				return
			}
		}
	}()
	return ended
}

// failingCalls makes requests with passwords in them that are refused.
func (w *worker) failingCalls(good string, login func(string) *frameportv1.Credentials) {
	w.t.Helper()
	raw := func(p, rest string) string { return "rtsp://" + canaryUser + ":" + p + "@" + rest }
	for what, spec := range map[string]*frameportv1.CameraSpec{
		"not encoded":      {Url: raw(canary, "127.0.0.1/x")},
		"half encoded":     {Url: raw("c4n4ry%zz", "127.0.0.1/x")},
		"two at signs":     {Url: raw("c4n4ry@c4n4ry", "127.0.0.1/x")},
		"own address":      {Url: withLogin("rtsp://"+w.http+"/live", canary)},
		"address":          {Url: withLogin("rtsp://169.254.169.254/live", canary)},
		"scheme":           {Url: strings.Replace(withLogin(good, canary), "rtsp:", "http:", 1)},
		"port":             {Url: withLogin("rtsp://127.0.0.1:99999999/x", canary)},
		"no host":          {Url: withLogin("rtsp:///x", canary)},
		"control":          {Url: withLogin("rtsp://127.0.0.1/x\x00\n", canary)},
		"two logins":       {Url: withLogin(good, canary), Credentials: login(canary)},
		"no user":          {Url: good, Credentials: &frameportv1.Credentials{Password: canary + "\n\x00"}},
		"other problems":   {Url: withLogin(good, canary), Frame: &frameportv1.FrameSpec{RingSize: -1}},
		"password as host": {Url: "rtsp://" + canaryUser + ":" + canary},
	} {
		_, err := w.cameras.AddCamera(w.t.Context(), &frameportv1.AddCameraRequest{CameraId: "bad", Spec: spec})
		if status.Code(err) != codes.InvalidArgument {
			w.t.Errorf("%s: %v", what, err)
		}
	}
	_, err := w.cameras.AddCamera(w.t.Context(), &frameportv1.AddCameraRequest{CameraId: "spec", Spec: &frameportv1.CameraSpec{Url: good, Credentials: login(wrongCanary)}})
	if status.Code(err) != codes.AlreadyExists {
		w.t.Errorf("another password for a camera: %v", err)
	}
	for _, id := range []string{"wrong", "tls", "refused"} {
		if _, err := w.frames.GetFrame(w.t.Context(), &frameportv1.GetFrameRequest{CameraId: id}); status.Code(err) != codes.Unavailable {
			w.t.Errorf("frame of %s: %v", id, err)
		}
	}
	if _, err := w.cameras.ListCameras(w.t.Context(), &frameportv1.ListCamerasRequest{}); err != nil {
		w.t.Error(err)
	}
	if _, err := w.workers.GetWorker(w.t.Context(), &frameportv1.GetWorkerRequest{}); err != nil {
		w.t.Error(err)
	}
}

// commands gives the password to the command line in all ways that there are, and in
// some that there are not.
func (w *worker) commands(d *watchdog, good string, v vault) {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(canary+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	address := "FRAMEPORT_ADDRESS=" + w.grpc
	for _, tc := range []struct {
		env    []string
		in     string
		args   []string
		status int
	}{
		{nil, "", []string{"add", "cli-url", withLogin(good, canary)}, 0},
		{nil, "", []string{"add", "cli-file", good, "--username=" + canaryUser, "--password-file=" + file, "--json"}, 0},
		{nil, canary + "\n", []string{"add", "cli-stdin", good, "--username=" + canaryUser, "--password-file=-"}, 0},
		{[]string{"FRAMEPORT_CAMERA_PASSWORD=" + canary}, "", []string{"add", "cli-env", good, "--username=" + canaryUser}, 0},
		{nil, "", []string{"update", "cli-url", "--url=" + withLogin(good, canary), "--json"}, 0},
		{nil, "", []string{"add", "cli-raw", "rtsp://" + canaryUser + ":" + canary + "@127.0.0.1/x"}, 1},
		{nil, "", []string{"add", "cli-scheme", "http://" + canaryUser + ":c4n4ry@127.0.0.1/x"}, 1},
		{nil, "", []string{"show", "cli-url", withLogin(good, canary)}, 2},
		{nil, "", []string{"add", "--nonsense=" + withLogin(good, canary)}, 2},
		{nil, "", []string{"list", "--address", withLogin(good, canary)}, 1},
	} {
		r := command(w.t, append([]string{address}, tc.env...), tc.in, append([]string{"camera"}, tc.args...)...)
		if r.status != tc.status {
			w.t.Errorf("frameport camera %s: %+v", tc.args[0], r)
		}
		d.hear("command line", []byte(r.out+r.err))
	}
	for _, id := range []string{"cli-url", "cli-file", "cli-stdin", "cli-env"} {
		w.running(id)
	}
}

// pages asks for everything that HTTP serves.
func (w *worker) pages(d *watchdog) {
	w.t.Helper()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, code := range map[string]int{
		"/": 200, "/metrics": 200, "/healthz": 200, "/readyz": 200, "/api/spec/latest.jpg": 200,
		"/api/wrong/latest.jpg": 503, "/api/away": 503, "/api/parrot/latest.jpg": 503, "/api/tls/latest.jpg": 503, "/nothing": 404,
	} {
		resp, err := web.Get("http://" + w.http + path)
		if err != nil {
			w.t.Fatal(err)
		}
		var b strings.Builder
		err = resp.Header.Write(&b)
		if err == nil {
			_, err = io.Copy(&b, resp.Body)
		}
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != code {
			w.t.Errorf("%s: %s, %v", path, resp.Status, err)
		}
		d.hear("http "+path, []byte(b.String()))
	}
}

// processListing looks at the worker, and at a command that was given a password on
// its command line and hangs.
func (w *worker) processListing(d *watchdog) {
	w.t.Helper()
	hear := func(pid int) {
		for _, name := range []string{"cmdline", "comm", "status"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
			if err != nil {
				w.t.Fatal(err)
			}
			d.hear("process listing", b)
		}
	}
	hear(w.cmd.Process.Pid)
	for _, target := range []string{withLogin("rtsp://127.0.0.1/x", canary), "rtsp://" + canaryUser + ":" + canary + "@127.0.0.1/x"} {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			w.t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), patience)
		cmd := exec.CommandContext(ctx, program, "camera", "add", "x", target, "--address", silent.Addr().String())
		cmd.Env = environment(w.t)
		if err := cmd.Start(); err != nil {
			w.t.Fatal(err)
		}
		conn, err := silent.Accept() // it is at work
		if err != nil {
			w.t.Fatal(err)
		}
		hear(cmd.Process.Pid)
		cancel()
		_ = cmd.Wait() // killed
		_ = conn.Close()
		_ = silent.Close()
	}
}

// onlyInState checks that passwords are in the state file, which nobody else can
// read, and nowhere else in the folder.
func onlyInState(t *testing.T, dir string) {
	t.Helper()
	var with []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), "c4n4ry") {
			with = append(with, e.Name())
			if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
			}
		}
		return err
	})
	if err != nil || len(with) != 1 || with[0] != "cameras.json" {
		t.Errorf("passwords are in %v: %v", with, err)
	}
}

// A worker that can't start because of what holds a password says so without it.
func TestSecretsAtStart(t *testing.T) {
	dir, d := t.TempDir(), newWatchdog()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return "--config=" + path
	}
	for _, tc := range []struct {
		env  []string
		args []string
		text string
	}{
		{[]string{"CAMERA_URL_1=rtsp://u:" + canary + "@127.0.0.1/x"}, nil, "CAMERA_URL_1"},
		{[]string{"CAMERA_URL_3=" + withLogin("http://127.0.0.1/x", canary)}, nil, "CAMERA_URL_3"},
		{nil, []string{write("open.yaml", "cameras: {a: {url: 'rtsp://h/x', credentials: {username: u, password: '"+canary+"'}}}", 0o644)}, "chmod"},
		{nil, []string{write("broken.yaml", "cameras: {a: {url: 'rtsp://h/x', credentials: {username: u, password: '"+canary+"'}}", 0o600)}, "broken.yaml:"},
		{nil, []string{write("kind.yaml", "cameras: {a: {url: 'rtsp://h/x', credentials: '"+canary+"'}}", 0o600)}, "kind.yaml:"},
		{nil, []string{write("key.yaml", "cameras: {a: {url: 'rtsp://h/x', password: '"+canary+"'}}", 0o600)}, "key.yaml:"},
		{nil, []string{write("url.yaml", "cameras: {a: {url: 'rtsp://u:"+canary+"@h/x'}}", 0o600)}, "cameras.a.url"},
	} {
		w := launch(t, tc.env, append(tc.args, "--log-level=debug")...)
		select {
		case <-w.exited:
		case <-t.Context().Done():
		}
		if w.cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%v: %v", tc, w.err)
		}
		contains(t, w.log.String(), tc.text)
		d.hear(tc.text, []byte(w.log.String()))
		d.check(t, tc.text)
	}
}
