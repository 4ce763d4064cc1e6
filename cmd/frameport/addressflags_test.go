package main

import (
	"strings"
	"testing"

	"github.com/frameport/frameport/config"
)

// Where no camera may be is said when it is added, as far as the URL shows it.
func TestAdmitAddress(t *testing.T) {
	t.Parallel()
	file := config.CameraAddresses{Ports: []config.Ports{{First: 554, Last: 554}}}
	flags := addressFlags{CameraPorts: []config.Ports{{First: 22, Last: 22}}}
	overlaid := file
	flags.apply(&overlaid)
	for _, tt := range []struct {
		settings config.CameraAddresses
		url, why string
	}{
		{config.CameraAddresses{}, "rtsp://cam.example/x", ""},
		{config.CameraAddresses{}, "rtsps://cam.example/x", ""},
		{config.CameraAddresses{}, "rtsp://cam.example:8554/x", ""},
		{config.CameraAddresses{}, "rtsp://cam.example:22/x", "--camera-ports"},
		{config.CameraAddresses{}, "rtsp://192.0.2.1:25/x", "--camera-ports"},
		{config.CameraAddresses{}, "rtsp://[2001:db8::1]:25/x", "--camera-ports"},
		{config.CameraAddresses{}, "rtsp://localhost:8554/x", "--camera-loopback"},
		{config.CameraAddresses{}, "rtsp://169.254.169.254/x", "--camera-allow"},
		{file, "rtsp://cam.example/x", ""},
		{file, "rtsp://cam.example:8554/x", "--camera-ports 554,8554"},
		{overlaid, "rtsp://cam.example:22/x", ""},
		{overlaid, "rtsp://cam.example/x", "--camera-ports 22,554"},
	} {
		err := admitAddress(cameraPolicy(tt.settings, nil), config.Camera{URL: tt.url})
		if tt.why == "" && err != nil || tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why)) {
			t.Errorf("%s: %v, want %q", tt.url, err, tt.why)
		}
	}
}
