package rtsp

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/frameport/frameport/internal/secret"
)

// Whatever a camera echoes of its password, it does not get through.
func TestScrubber(t *testing.T) {
	t.Parallel()
	const user, password = "viewer", "pa.Ss+w0rd/%@:"
	s := newScrubber(user, secret.New(password))
	for _, echo := range []string{
		password, strings.ToLower(password), strings.ToUpper(password),
		"pa.Ss+w0rd%2F%25%40%3A", "pa.Ss%2bw0rd%2f%25%40%3a",
		base64.StdEncoding.EncodeToString([]byte(user + ":" + password)),
		"rtsp://viewer:pa.Ss+w0rd%2F%25%40:@host/",
	} {
		got := s.error(errors.New("only " + echo + " is offered")).Error()
		if strings.Contains(strings.ToLower(got), "w0rd") || strings.Contains(got, echo) || !strings.Contains(got, "***") {
			t.Errorf("%q became %q", echo, got)
		}
	}
	harmless := errors.New("only paxSs+w0rd is offered")
	if got := s.error(harmless); got != harmless {
		t.Errorf("%q became %q", harmless, got)
	}
	for _, short := range []string{"", "a", "ab"} {
		if got := newScrubber(user, secret.New(short)).error(harmless); got != harmless {
			t.Errorf("with password %q: %q", short, got)
		}
	}
}
