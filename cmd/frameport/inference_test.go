package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/kservetest"
)

func TestInferenceServerSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("worker:\n  inference_servers: ['file=t:1']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	one := func(name, address string, tls bool) config.InferenceServer {
		return config.InferenceServer{Name: name, Address: address, TLS: tls}
	}
	for _, c := range []struct {
		env  string
		args []string
		want []config.InferenceServer
	}{
		{"", nil, nil},
		{"", []string{"--config", file}, []config.InferenceServer{one("file", "t:1", false)}},
		{"env=t:2,more=t:3", []string{"--config", file}, []config.InferenceServer{one("env", "t:2", false), one("more", "t:3", false)}},
		{"env=t:2", []string{"--inference-server=localhost:8001", "--inference-server=b=grpcs://t:443"}, []config.InferenceServer{one("default", "localhost:8001", false), one("b", "t:443", true)}},
	} {
		t.Setenv("FRAMEPORT_INFERENCE_SERVER", c.env)
		if c.env == "" {
			if err := os.Unsetenv("FRAMEPORT_INFERENCE_SERVER"); err != nil {
				t.Fatal(err)
			}
		}
		serve := parseServe(t, c.args)
		w, _, _, err := serve.settings(nil)
		if err != nil || !slices.Equal(w.InferenceServers, c.want) {
			t.Errorf("%q %q: %+v, %v", c.env, c.args, w.InferenceServers, err)
		}
	}
	if err := os.Unsetenv("FRAMEPORT_INFERENCE_SERVER"); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"--inference-server=localhost", "--inference-server=a=t:1,a=t:2", "--inference-server=x=user:secret@t:1"} {
		_, errs, status := command(t, "", "serve", wrong)
		if status == 0 || !strings.Contains(errs, "HOST:PORT") || strings.Contains(errs, "secret") {
			t.Errorf("%s: status %d: %s", wrong, status, errs)
		}
	}
}

func TestDoctorAsksInferenceServers(t *testing.T) {
	_, address := kservetest.Start(t, kservetest.Config{})
	out, errs, status := command(t, "", "doctor", "--backend=cpu", "--inference-server=a="+address, "--inference-server=b=127.0.0.1:1")
	if status != 1 || !strings.Contains(out, "a at "+address+": ready") || !strings.Contains(out, "b at 127.0.0.1:1: inference server unavailable") ||
		!strings.Contains(out, "open files") || errs != "frameport: what was asked for does not work: inference server b\n" {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if _, errs, status = command(t, "", "doctor", "--backend=cpu", "--inference-server=a="+address); status != 0 || errs != "" {
		t.Errorf("all is well: status %d: %s", status, errs)
	}
}
