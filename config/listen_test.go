package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/frameport/frameport/config"
)

func TestCheckListenAddress(t *testing.T) {
	for _, tc := range []struct {
		address             string
		protected, insecure bool
		text                string // empty = allowed
	}{
		{address: "127.0.0.1:50051"},
		{address: "127.9.9.9:0"},
		{address: "[::1]:50051"},
		{address: "[::ffff:127.0.0.1]:1"},
		{address: "localhost:50051"},
		{address: "LOCALHOST:50051"},
		{address: "0.0.0.0:50051", text: "give --insecure"},
		{address: ":50051", text: "without encryption or login; give --tls-cert, --tls-key and --auth-file (frameport token new makes tokens), or listen on 127.0.0.1:50051"},
		{address: "[::]:50051", text: "give --insecure"},
		{address: "192.168.1.2:50051", text: "give --insecure"},
		{address: "camera-host:50051", text: "give --insecure"},
		{address: "0.0.0.0:50051", insecure: true},
		{address: "0.0.0.0:50051", protected: true},
		{address: "50051", text: "write it as host:port"},
		{address: "127.0.0.1:", text: "no usable port"},
		{address: "127.0.0.1:65536", text: "no usable port"},
		{address: "127.0.0.1:http", insecure: true, text: "no usable port"},
		{address: "a:b:c", insecure: true, text: "write it as host:port"},
		{address: "unix:/run/frameport.sock"},
		{address: "unix:///run/frameport.sock"},
		{address: "unix:/" + strings.Repeat("x", 106)},
		{address: "unix:/" + strings.Repeat("x", 107), text: "path of 108 bytes, and the system takes 107"},
		{address: "unix:", text: "write it as unix:/folder/name"},
		{address: "unix:frameport.sock", text: "write it as unix:/folder/name"},
		{address: "unix://run/frameport.sock", text: "write it as unix:/folder/name"},
		{address: "unix:/run/", text: "write it as unix:/folder/name"},
		{address: "unix:/run/50%.sock", insecure: true, text: "without %, ? and #"},
		{address: "unix:/run/a\n.sock", insecure: true, text: "without %, ? and #"},
	} {
		err := config.CheckListenAddress(tc.address, config.Protection{TLS: tc.protected, Login: tc.protected, Insecure: tc.insecure})
		if (err == nil) != (tc.text == "") || err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("CheckListenAddress(%q, %v, %v) = %v, want %q", tc.address, tc.protected, tc.insecure, err, tc.text)
		}
	}
	if err := config.CheckListenAddress("0.0.0.0:1", config.Protection{}); !errors.Is(err, config.ErrInsecureAddress) {
		t.Errorf("%v is not ErrInsecureAddress", err)
	}
}

// Half of a protection is none, and the error names the other half.
func TestProtection(t *testing.T) {
	set := func(tls config.ListenerTLS, file string, insecure bool) error {
		w := config.Worker{GRPCAddress: "0.0.0.0:50051", HTTPAddress: "0.0.0.0:8080", TLS: tls, AuthFile: file, Insecure: insecure}
		w.EnsureDefaults()
		return w.Validate()
	}
	pair := config.ListenerTLS{Cert: "/c", Key: "/k"}
	mutual := config.ListenerTLS{Cert: "/c", Key: "/k", ClientCA: "/a", ClientRole: "control"}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"nothing":              {set(config.ListenerTLS{}, "", false), "without encryption or login; give --tls-cert, --tls-key and --auth-file"},
		"TLS only":             {set(pair, "", false), "without login; give --auth-file"},
		"tokens only":          {set(config.ListenerTLS{}, "/f", false), "without encryption; give --tls-cert and --tls-key"},
		"TLS and tokens":       {set(pair, "/f", false), ""},
		"mutual TLS":           {set(mutual, "", false), ""},
		"tokens, insecure":     {set(config.ListenerTLS{}, "/f", true), ""},
		"half a pair":          {set(config.ListenerTLS{Cert: "/c"}, "/f", true), "needs both cert and key"},
		"other half":           {set(config.ListenerTLS{Key: "/c"}, "/f", true), "needs both cert and key"},
		"authorities only":     {set(config.ListenerTLS{ClientCA: "/a"}, "", true), "which needs cert and key"},
		"role of nobody":       {set(config.ListenerTLS{Cert: "/c", Key: "/k", ClientRole: "view"}, "/f", true), "give client_ca, too"},
		"role that is unknown": {set(config.ListenerTLS{Cert: "/c", Key: "/k", ClientCA: "/a", ClientRole: "root"}, "", true), "use view, control or admin"},
	} {
		if (tc.err == nil) != (tc.want == "") || tc.err != nil && !strings.Contains(tc.err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, tc.err, tc.want)
		}
	}
	f, err := config.ParseFile([]byte("worker: {auth_file: /f, reflection: true, tls: {cert: /c, key: /k, client_ca: /a, client_role: view}}"), "f")
	if err != nil || f.Worker.TLS != (config.ListenerTLS{Cert: "/c", Key: "/k", ClientCA: "/a", ClientRole: "view"}) || f.Worker.AuthFile != "/f" || !f.Worker.Reflection {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestWorkerListensOnLoopback: both listeners are judged, and --insecure is heard.
func TestWorkerListensOnLoopback(t *testing.T) {
	for _, field := range []string{"worker.grpc_address", "worker.http_address"} {
		w := config.Worker{}
		w.EnsureDefaults()
		if err := w.Validate(); err != nil {
			t.Fatal(err)
		}
		if field == "worker.grpc_address" {
			w.GRPCAddress = "0.0.0.0:50051"
		} else {
			w.HTTPAddress = "0.0.0.0:8080"
		}
		if err := w.Validate(); err == nil || !strings.Contains(err.Error(), field) || !strings.Contains(err.Error(), "--insecure") {
			t.Errorf("%s: %v", field, err)
		}
		w.Insecure = true
		if err := w.Validate(); err != nil {
			t.Errorf("%s with --insecure: %v", field, err)
		}
	}
}

func TestGRPCAddresses(t *testing.T) {
	for list, want := range map[string]string{
		"":                               "",
		"127.0.0.1:0, unix:/run/x.sock ": "",
		"127.0.0.1:0,0.0.0.0:1":          "--insecure",
		"127.0.0.1:0,":                   "host:port",
		"127.0.0.1:1,127.0.0.1:1":        "twice",
	} {
		w := config.Worker{GRPCAddress: list}
		w.EnsureDefaults()
		err := w.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", list, err, want)
		}
	}
	w := config.Worker{GRPCAddress: "127.0.0.1:0, unix:/run/x.sock "}
	if got := w.GRPCAddresses(); !slices.Equal(got, []string{"127.0.0.1:0", "unix:/run/x.sock"}) {
		t.Errorf("%q", got)
	}
	w = config.Worker{HTTPAddress: "unix:/run/x.sock", Insecure: true}
	w.EnsureDefaults()
	if err := w.Validate(); err == nil || !strings.Contains(err.Error(), "only gRPC is served on unix sockets") {
		t.Errorf("HTTP: %v", err)
	}
}

func TestSocketMode(t *testing.T) {
	for _, text := range []string{"0660", "660", `"0660"`} {
		f, err := config.ParseFile([]byte("worker: {grpc_address: 'unix:/run/x.sock', grpc_socket_mode: "+text+"}"), "f")
		if err != nil || f.Worker.GRPCSocketMode.Perm() != 0o660 {
			t.Errorf("%s: %v, %v", text, f, err)
		}
	}
	for _, wrong := range []string{"0", "60", "rw", "0999", "01777", "-600", "0400", "0066"} {
		var m config.SocketMode
		if err := m.UnmarshalText([]byte(wrong)); err == nil || m != 0 {
			t.Errorf("%q is taken as %o", wrong, m)
		}
	}
	// What lets every user of the machine in needs a login, or --insecure.
	for _, tc := range []struct {
		mode     config.SocketMode
		address  string
		file     string
		insecure bool
		ok       bool
	}{
		{0o666, "unix:/run/x.sock", "", false, false},
		{0o777, "127.0.0.1:0, unix:/run/x.sock", "", false, false},
		{0o602, "unix:/run/x.sock", "", false, false},
		{0o660, "unix:/run/x.sock", "", false, true},
		{0o666, "unix:/run/x.sock", "/auth", false, true},
		{0o666, "unix:/run/x.sock", "", true, true},
		{0o666, "127.0.0.1:0", "", false, true}, // no socket
	} {
		w := config.Worker{GRPCAddress: tc.address, GRPCSocketMode: tc.mode, AuthFile: tc.file, Insecure: tc.insecure}
		w.EnsureDefaults()
		if err := w.Validate(); (err == nil) != tc.ok || err != nil && !strings.Contains(err.Error(), "worker.grpc_socket_mode") {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	var w config.Worker
	if w.EnsureDefaults(); w.GRPCSocketMode.Perm() != 0o600 {
		t.Errorf("the default is %o", w.GRPCSocketMode)
	}
	if text, err := w.GRPCSocketMode.MarshalText(); err != nil || string(text) != "0600" {
		t.Errorf("%s, %v", text, err)
	}
}
