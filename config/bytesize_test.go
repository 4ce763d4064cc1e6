package config_test

import (
	"testing"

	"github.com/frameport/frameport/config"
)

func TestByteSize(t *testing.T) {
	for text, want := range map[string]config.ByteSize{
		"0": 0, "17": 17, "1k": 1 << 10, "8GiB": 8 << 30, "1.5 GiB": 3 << 29, "512mib": 512 << 20, "2TB": 2 << 40, "100B": 100,
	} {
		var s config.ByteSize
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
		var again config.ByteSize
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%q comes back from %q as %d, %v", text, s, again, err)
		}
	}
	for _, text := range []string{"", "GiB", "8 G G", "-1", "-1GiB", "nan", "inf", "1e40", "8Q", "8GiBit", "0x10", "1KM"} {
		var s config.ByteSize
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %d", text, s)
		}
	}
}
