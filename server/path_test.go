package server

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// The table of calls is asked by the exact name of a method, and no other spelling of a
// path reaches one: without the slash, with two, in other case, encoded. (Such a path
// went around the access rules of older versions of gRPC.) Those who may do everything
// get no answer by it, either, and strangers none in any case.
func TestOtherSpellingsOfAPathReachNothing(t *testing.T) {
	h := newHarness(t, newFakeCameras(t, "door"), newFakeRenderer(100), withTokens(t))
	exact := frameportv1.WorkerService_GetClock_FullMethodName
	service, method, _ := strings.Cut(exact[1:], "/")
	spellings := []string{
		exact, exact[1:], "/" + exact, exact + "/", exact + "?x", exact + "#", "/." + exact, "/x/.." + exact, "http://x" + exact,
		"/" + service + "//" + method, "/" + strings.ToLower(service) + "/" + method, "/" + service + "/" + strings.ToLower(method),
		"/" + service + "%2f" + method, "/" + service + "%2F" + method, exact + "\x00", " " + exact, "*", "/", "",
	}
	for _, token := range []string{"", "none-token", "boss-token"} {
		for _, path := range spellings {
			want := path == exact && token == "boss-token"
			if got := h.answers(path, token); got != want {
				t.Errorf("%q with token %q: answered %v", path, token, got)
			}
		}
	}
}

// answers asks for the time by a path, on a connection of its own, and reports whether
// there was an answer.
func (h *harness) answers(path, token string) (answered bool) {
	h.t.Helper()
	c := h.raw()
	defer c.conn.Close()
	var more [][2]string
	if token != "" {
		more = append(more, [2]string{"authorization", "Bearer " + token})
	}
	stream := c.open(path, more...)
	// An empty message. The connection may be over: some of these paths are no HTTP/2.
	_ = c.fr.WriteData(stream, true, make([]byte, 5))
	c.frames(func(f http2.Frame) bool {
		switch f := f.(type) {
		case *http2.DataFrame:
			answered = answered || bytes.Count(f.Data(), []byte{0}) < len(f.Data())
			return f.StreamEnded()
		case *http2.HeadersFrame:
			return f.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame, nil:
			return true
		}
		return false
	})
	return answered
}
