package config

import "testing"

func TestPorts(t *testing.T) {
	for text, want := range map[string]Ports{"554": {554, 554}, "1-65535": {1, 65535}, "7000-7000": {7000, 7000}} {
		var p Ports
		if err := p.UnmarshalText([]byte(text)); err != nil || p != want {
			t.Errorf("%s: %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "0", "0-9", "65536", "9-8", "-", "554-", "-554", "rtsp", "554,8554", " 554", "+554", "1-2-3"} {
		var p Ports
		if err := p.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, p)
		}
	}
}
