package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/secret"
)

// guarded is a worker in this process with settings of its own.
type guarded struct {
	grpc, http string
	log        output
}

func startGuarded(t *testing.T, settings config.Worker) *guarded {
	t.Helper()
	settings.GRPCAddress = strings.Trim("127.0.0.1:0,"+settings.GRPCAddress, ",")
	settings.HTTPAddress, settings.Backend = "127.0.0.1:0", config.BackendCPU
	settings.CameraAddresses.Loopback = true
	settings.EnsureDefaults()
	settings.Limits.NoRationing = true
	g := &guarded{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- runWorker(ctx, workerConfig{
			settings: settings, log: slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			ready: func(grpc, http net.Addr) { g.grpc, g.http = grpc.String(), http.String(); close(ready) },
		})
	}()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the worker ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the worker wrote:\n%s", &g.log)
		}
	})
	return g
}

// newToken makes a token with the program itself: the file that it is in, and the entry.
func newToken(t *testing.T, args ...string) (token, file, entry string) {
	t.Helper()
	out, errs, status := command(t, "", append([]string{"token", "new"}, args...)...)
	if status != 0 || !strings.HasPrefix(out, "fpt_") || strings.Count(out, "\n") != 1 {
		t.Fatalf("status %d: %s%s", status, out, errs)
	}
	token = strings.TrimSpace(out)
	_, entry, found := strings.Cut(errs, "\n\n")
	if !found || strings.Contains(errs, token) {
		t.Fatalf("the entry is not there, or the token stands in it: %s", errs)
	}
	file = filepath.Join(t.TempDir(), "token")
	authtest.Write(t, file, []byte(out))
	return token, file, entry
}

// A camera whose id YAML takes for a number is the one that the token is for.
func TestTokenForANumber(t *testing.T) {
	token, _, entry := newToken(t, "--name", "n", "--role", "view", "--camera", "007", "--camera", "door")
	keys, err := auth.OpenKeys(authtest.File(t, "tokens:\n"+entry))
	if err != nil {
		t.Fatal(err)
	}
	id, err := (&auth.Gate{Keys: keys}).Authenticate(auth.Evidence{Token: secret.New(token)})
	if err != nil || !id.Sees(auth.View, "007", nil) || !id.Sees(auth.View, "door", nil) || id.Sees(auth.View, "7", nil) {
		t.Errorf("%v: %s", err, entry)
	}
}

// audited are the audit lines of a log, as call, camera, who and outcome.
func audited(t *testing.T, log string) (lines []string) {
	t.Helper()
	line := regexp.MustCompile(`^time=\S+ level=INFO msg=audit call=(\S+) camera=(\S+) who=(\S+) from=(?:"unix:pid=[^"]+"|127\.0\.0\.1:\d+) outcome=(\S+)$`)
	for l := range strings.Lines(log) {
		if !strings.Contains(l, "audit") {
			continue
		}
		m := line.FindStringSubmatch(strings.TrimSuffix(l, "\n"))
		if m == nil {
			t.Errorf("an audit line with something else: %s", l)
			continue
		}
		lines = append(lines, strings.Join(m[1:], " "))
	}
	return lines
}

// A worker with TLS and tokens, from the command line to the log: each attempt to change a
// camera is one line there, and nothing shows a token or a camera's password anywhere.
func TestWorkerWithTLSAndTokens(t *testing.T) {
	ca := authtest.NewCA(t)
	pair := ca.Issue(t, []string{"127.0.0.1"})
	operator, operatorFile, e1 := newToken(t, "--name", "operator", "--role", "admin")
	viewer, viewerFile, e2 := newToken(t, "--name", "viewer", "--role", "view", "--labels", "site=north", "--expires", "2999-01-31")
	none, noneFile, _ := newToken(t, "--name", "none", "--role", "control", "--camera", "door", "--camera", "yard")
	path := authtest.File(t, "tokens:\n"+e1+e2)
	socket := filepath.Join(t.TempDir(), "s.sock")
	w := startGuarded(t, config.Worker{
		GRPCAddress: "unix:" + socket, AuthFile: path, TLS: config.ListenerTLS{Cert: pair.CertFile, Key: pair.KeyFile},
	})
	var seen strings.Builder // all that anybody is shown
	camera := func(status int, text string, args ...string) {
		t.Helper()
		out, errs, got := command(t, "", append([]string{"camera"}, args...)...)
		seen.WriteString(out + errs)
		if got != status || !strings.Contains(out+errs, text) {
			t.Errorf("frameport camera %q: status %d, %q is not in: %s%s", args, got, text, out, errs)
		}
	}
	at, local := "--address="+w.grpc, "--address=unix:"+socket
	secure := "--tls-ca=" + ca.File
	const stored, changed = "c4n4ry/st0red", "c4n4ry/ch4nged"
	passwordFile := func(password string) string {
		path := filepath.Join(t.TempDir(), "password")
		authtest.Write(t, path, []byte(password))
		return "--password-file=" + path
	}
	camera(0, "added door", "add", "door", "rtsp://127.0.0.1:1025/x", "-l", "site=north", "--username=root", passwordFile(stored), at, secure, "--token-file="+operatorFile)
	camera(0, "added yard", "add", "yard", "rtsp://127.0.0.1:1025/y", local)
	camera(0, "door", "list", at, secure, "--token-file="+viewerFile)
	camera(1, "[NotFound CAMERA_NOT_FOUND]", "show", "yard", at, secure, "--token-file="+viewerFile)
	camera(0, "updated door", "update", "door", "--max-fps=3", at, secure, "--token-file="+operatorFile)
	camera(0, "updated door", "update", "door", passwordFile(changed), at, secure, "--token-file="+operatorFile)
	camera(1, "[InvalidArgument INVALID_DECODE_POLICY]", "update", "door", "--max-fps=-3", passwordFile(stored), at, secure, "--token-file="+operatorFile)
	camera(1, "[AlreadyExists CAMERA_ALREADY_EXISTS]", "add", "door", "rtsp://127.0.0.1:1025/z", "--username=root", passwordFile(stored), local)
	camera(1, "[PermissionDenied PERMISSION_DENIED]", "update", "door", passwordFile(stored), at, secure, "--token-file="+viewerFile)
	camera(1, "[PermissionDenied PERMISSION_DENIED]", "remove", "door", at, secure, "--token-file="+viewerFile)
	camera(1, "[Unauthenticated TOKEN_INVALID]", "remove", "door", at, secure, "--token-file="+noneFile)
	camera(0, "password_set", "show", "door", local)
	camera(1, "[Unauthenticated TOKEN_INVALID]", "list", at, secure, "--token-file="+noneFile)
	camera(1, "give it with --token-file or in FRAMEPORT_TOKEN", "list", at, secure)
	camera(1, "if it is a worker with TLS, give --tls-ca", "list", at, "--token-file="+operatorFile)
	camera(1, "x509: ", "list", at, "--tls-ca="+authtest.NewCA(t).File)
	camera(1, "does not speak TLS", "list", "--address="+startWorker(t).grpc, secure)
	camera(1, "is a directory", "list", at, "--token-file="+t.TempDir())
	t.Setenv(tokenEnvironment, operator)
	camera(0, "yard", "list", at, secure)
	camera(0, "removed yard", "remove", "yard", at, secure)
	camera(1, "[Unauthenticated TOKEN_INVALID]", "list", at, secure, "--token-file="+noneFile)

	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}}
	defer transport.CloseIdleConnections()
	get := func(path, token string) (int, string) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+w.http+path, nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		seen.WriteString(fmt.Sprint(resp.Header) + string(body))
		return resp.StatusCode, string(body)
	}
	for path, want := range map[string]map[string]int{
		"/":        {"": 401, none: 401, viewer: 200, operator: 200},
		"/healthz": {"": 200, none: 200, viewer: 200, operator: 200},
		"/metrics": {"": 401, none: 401, viewer: 403, operator: 200},
	} {
		for token, code := range want {
			if got, body := get(path, token); got != code {
				t.Errorf("%s: %d, want %d: %s", path, got, code, body)
			}
		}
	}
	_, metrics := get("/metrics", operator)
	contains(t, metrics, "frameport_insecure 0", "frameport_auth_reload_failures_total 0", "frameport_tls_certificate_end_timestamp_seconds", `frameport_calls_refused_total{reason="TOKEN_INVALID"}`)

	// The worker follows its files by itself.
	authtest.Write(t, path, []byte("tokens:\n"+e1))
	until(t, "the token to be withdrawn", func() bool { code, _ := get("/", viewer); return code == 401 })
	authtest.Write(t, path, []byte("tokens: ["))
	next := ca.Issue(t, []string{"127.0.0.1"})
	authtest.Write(t, pair.CertFile, next.Cert)
	authtest.Write(t, pair.KeyFile, next.Key)
	until(t, "the new certificate", func() bool {
		conn, err := tls.Dial("tcp", w.grpc, &tls.Config{RootCAs: ca.Pool, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Cmp(next.TLS.Leaf.SerialNumber) == 0
	})
	until(t, "the broken file to be reported", func() bool {
		_, metrics := get("/metrics", operator)
		return strings.Contains(metrics, "frameport_auth_reload_failures_total 1")
	})

	text := w.log.String()
	contains(t, text, "auth file reloaded", "auth file not reloaded, the old one stays in force", "certificate reloaded")
	want := []string{
		"AddCamera door operator OK", "AddCamera yard local OK",
		"UpdateCamera door operator OK", "UpdateCamera door operator OK", "UpdateCamera door operator INVALID_DECODE_POLICY",
		"AddCamera door local CAMERA_ALREADY_EXISTS", "UpdateCamera door viewer PERMISSION_DENIED",
		"RemoveCamera door viewer PERMISSION_DENIED", "RemoveCamera door nobody TOKEN_INVALID", "RemoveCamera yard operator OK",
	}
	if got := audited(t, text); !slices.Equal(got, want) {
		t.Errorf("audit lines\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, secret := range []string{operator, viewer, none, stored, changed, "c4n4ry"} {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("root:" + secret)), authtest.Hash(secret)} {
			if strings.Contains(text+seen.String(), form) {
				t.Error("a secret got out")
			}
		}
	}
}

// A socket that everybody may open asks for tokens, too.
func TestOpenSocketAsksForTokens(t *testing.T) {
	_, file, entry := newToken(t, "--name=app", "--role=view")
	path := authtest.File(t, "tokens:\n"+entry)
	for mode, free := range map[config.SocketMode]bool{0o600: true, 0o660: true, 0o666: false} {
		socket := "unix:" + filepath.Join(t.TempDir(), "s.sock")
		startGuarded(t, config.Worker{GRPCAddress: socket, GRPCSocketMode: mode, AuthFile: path})
		if _, errs, status := command(t, "", "camera", "list", "--address="+socket); (status == 0) != free {
			t.Errorf("mode %o: status %d, %s", mode, status, errs)
		}
		if _, errs, status := command(t, "", "camera", "list", "--address="+socket, "--token-file="+file); status != 0 {
			t.Errorf("mode %o with a token: %s", mode, errs)
		}
	}
}

// Whoever runs a worker that strangers can reach sees it everywhere. The doctor has the
// worker's settings, here from the environment, and does not ask it.
func TestInsecureShows(t *testing.T) {
	serve := []string{
		"serve", "--grpc-address=127.0.0.1:0,0.0.0.0:0", "--http-address=127.0.0.1:0", "--state-dir=",
		"--backend=cpu", "--log-format=text", "--core-dumps", // the last so that this process stays as it is
	}
	if _, errs, status := command(t, "", serve...); status != 1 || !strings.Contains(errs, "give --insecure") {
		t.Fatalf("strangers can reach it: status %d, %s", status, errs)
	}
	t.Setenv("FRAMEPORT_INSECURE", "true")
	out, errs, status := command(t, "", "doctor", "--backend=cpu")
	if status != 0 || !regexp.MustCompile(`(?m)^insecure +yes: `).MatchString(out) || !regexp.MustCompile(`(?m)^tls +none: --tls-cert`).MatchString(out) {
		t.Errorf("doctor: status %d, %s%s", status, out, errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log output
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the worker wrote:\n%s", &log)
		}
	})
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, serve, streams{strings.NewReader(""), io.Discard, &log}) }()
	var at []string
	until(t, "the worker to serve", func() bool {
		at = regexp.MustCompile(`INF serving .*grpc="?(\S+),\[?[0:.]+\]?:(\d+)"? http=(\S+)`).FindStringSubmatch(log.String())
		return at != nil || len(ended) > 0
	})
	if at == nil {
		t.Fatalf("the worker ended: %s", &log)
	}
	for _, address := range []string{at[1], "127.0.0.1:" + at[2]} { // the second one is open to everybody
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		r, err := frameportv1.NewWorkerServiceClient(conn).GetWorker(ctx, &frameportv1.GetWorkerRequest{})
		if a := r.GetWorker().GetAccess(); err != nil || !a.GetInsecure() || a.GetTls() || a.GetLogin() {
			t.Errorf("%s: %v, %v", address, a, err)
		}
		_ = conn.Close()
	}
	resp, err := http.Get("http://" + at[3] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	contains(t, string(body), "\nframeport_insecure 1\n")
	contains(t, log.String(), "WRN insecure: ")
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("status %d: %s", status, &log)
	}
}

func TestDoctorLooksAtTheFiles(t *testing.T) {
	pair := authtest.NewCA(t).Issue(t, []string{"127.0.0.1"})
	out, errs, status := command(t, "", "doctor", "--backend=cpu", "--tls-cert="+pair.CertFile, "--tls-key="+pair.KeyFile, "--auth-file="+authtest.File(t, "tokens: []"))
	if status != 0 {
		t.Error(errs)
	}
	contains(t, out, "on, the certificate ends at "+pair.TLS.Leaf.NotAfter.UTC().Format(time.RFC3339), "login          on")
	out, errs, status = command(t, "", "doctor", "--backend=cpu", "--auth-file="+authtest.File(t, "tokens: 5"))
	if status != 1 {
		t.Errorf("a worker would not start with this auth file, but the doctor's status is %d", status)
	}
	contains(t, errs, "what was asked for does not work: tls and login")
	contains(t, out, "login          unusable: auth file: auth.yaml:1:", "tls            none", "open files")
	if strings.Contains(out, "insecure  ") {
		t.Errorf("insecure shows where it was not asked for:\n%s", out)
	}
	out, _, status = command(t, "", "doctor", "--backend=cpu", "--tls-cert=/no/such/file", "--tls-key="+pair.KeyFile, "--auth-file="+authtest.File(t, "tokens: []"))
	if status != 1 || strings.Count(out, "unusable: ") != 1 {
		t.Errorf("status %d, and what is wrong stands not once in:\n%s", status, out)
	}
	contains(t, out, "tls            unusable: ", "/no/such/file")
}

func TestSettingsOfAccess(t *testing.T) {
	c := serveCmd{
		GRPCAddress: []string{"0.0.0.0:50051"}, StateDir: new(""),
		accessFlags: accessFlags{TLSCert: "/c", TLSKey: "/k", TLSClientCA: "/a", TLSClientRole: "control", AuthFile: "/f", Reflection: true},
	}
	w, _, _, err := c.settings(nil)
	if err != nil || w.TLS != (config.ListenerTLS{Cert: "/c", Key: "/k", ClientCA: "/a", ClientRole: "control"}) || w.AuthFile != "/f" || !w.Reflection || w.Insecure {
		t.Errorf("%+v, %v", w, err)
	}
	for _, tc := range []struct{ args, text string }{
		{"serve --grpc-address=0.0.0.0:0 --state-dir= --tls-cert=/c --tls-key=/k", "without login"},
		{"serve --state-dir= --tls-cert=/c", "needs both cert and key"},
		{"serve --state-dir= --auth-file=/no/such/file", "auth file: open /no/such/file"},
		{"serve --state-dir= --tls-cert=/no/such/file --tls-key=/k", "tls: open /no/such/file"},
		{"camera list --tls-client-cert=/c", "give --tls-ca, too"},
		{"camera list --tls-ca=" + os.DevNull, "holds no certificate"},
		{"camera list --token-file=" + authtest.File(t, "a b"), "has spaces"},
		{"token new --name=x --role=view --expires=2020-01-01", "in the past"},
		{"token new --name=x --role=view --expires=soon", "must be a time such as"},
		{"token new --name=x/y --role=view", "name must have 1 to 64"},
		{"token new --name=x --role=admin --camera=a", "role admin is for all cameras"},
		{"token new --name=x --role=view --labels=a=b,", "ends where a key is expected"},
	} {
		out, errs, status := command(t, "", strings.Fields(tc.args)...)
		if status != 1 || out != "" || !strings.Contains(errs, tc.text) {
			t.Errorf("frameport %s: status %d, %s%s", tc.args, status, out, errs)
		}
	}
}
