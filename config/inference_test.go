package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/frameport/frameport/config"
)

func TestInferenceServer(t *testing.T) {
	for text, want := range map[string]config.InferenceServer{
		"localhost:8001":               {Name: "default", Address: "localhost:8001"},
		"yolo=10.0.0.7:8001":           {Name: "yolo", Address: "10.0.0.7:8001"},
		"a.b-1=[::1]:8001":             {Name: "a.b-1", Address: "[::1]:8001"},
		"x=grpc://t:1":                 {Name: "x", Address: "t:1"},
		"x=grpcs://models.example:443": {Name: "x", Address: "models.example:443", TLS: true},
		"grpcs://models.example:443":   {Name: "default", Address: "models.example:443", TLS: true},
	} {
		var got config.InferenceServer
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, problem := range map[string]string{
		"":                    "HOST:PORT",
		"localhost":           "HOST:PORT",
		":8001":               "HOST:PORT",
		"x=localhost:0":       "HOST:PORT",
		"x=localhost:99999":   "HOST:PORT",
		"x=user:pw@host:8001": "without a user",
		"x=http://t:8000":     "HTTP",
		"=t:8001":             "name",
		"a b=t:8001":          "name",
		"unix:///run/t.sock":  "TLS",
		"x=grpcs://t:1/model": "HOST:PORT",
	} {
		got := config.InferenceServer{Name: "kept"}
		if err := got.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "pw") || got.Name != "kept" {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestInferenceServersInFile(t *testing.T) {
	f, err := config.ParseFile([]byte("worker:\n  inference_servers: [yolo=localhost:8001, 'ocr=grpcs://t:443']\n"), "c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []config.InferenceServer{{Name: "yolo", Address: "localhost:8001"}, {Name: "ocr", Address: "t:443", TLS: true}}
	if !slices.Equal(f.Worker.InferenceServers, want) {
		t.Errorf("%+v", f.Worker.InferenceServers)
	}
}

func TestInferenceServersOfOneName(t *testing.T) {
	w := config.Worker{InferenceServers: []config.InferenceServer{{Name: "a", Address: "x:1"}, {Name: "a", Address: "y:1"}}}
	w.EnsureDefaults()
	if err := w.Validate(); err == nil || !strings.Contains(err.Error(), "worker.inference_servers") {
		t.Error(err)
	}
	w.InferenceServers[1].Name = "b"
	if err := w.Validate(); err != nil {
		t.Error(err)
	}
}
