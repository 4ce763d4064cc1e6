package config_test

import (
	"errors"
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
		{address: ":50051", text: "without encryption or login; listen on 127.0.0.1:50051"},
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
	} {
		err := config.CheckListenAddress(tc.address, tc.protected, tc.insecure)
		if (err == nil) != (tc.text == "") || err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("CheckListenAddress(%q, %v, %v) = %v, want %q", tc.address, tc.protected, tc.insecure, err, tc.text)
		}
	}
	if err := config.CheckListenAddress("0.0.0.0:1", false, false); !errors.Is(err, config.ErrInsecureAddress) {
		t.Errorf("%v is not ErrInsecureAddress", err)
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
