package rtsp

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/testvideo"
	"github.com/frameport/frameport/media"
)

// What cameras send comes in pieces of any size.
func TestLineMender(t *testing.T) {
	frame := "$\x00\x00\x05a\nb\nc"
	empty := "$\x01\x00\x00"
	big := "$\x02\x01\x01" + strings.Repeat("\n", 257)
	head := "RTSP/1.0 200 OK\nCSeq: 1\nContent-Length: 4\n\n"
	mended := strings.ReplaceAll(head, "\n", "\r\n")
	for name, tc := range map[string]struct{ in, want string }{
		"line feeds":   {head + "a\nb\n" + frame + head + "\n\n\n\n", mended + "a\nb\n" + frame + mended + "\n\n\n\n"},
		"frames first": {frame + empty + big + head + "body" + frame, frame + empty + big + mended + "body" + frame},
		"good":         {mended + "a\nb\n" + frame + "OPTIONS * RTSP/1.0\nCSeq: 1\n\n", mended + "a\nb\n" + frame + "OPTIONS * RTSP/1.0\nCSeq: 1\n\n"},
		"mixed":        {"RTSP/1.0 200 OK\nCSeq: 1\r\n\n" + frame, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n" + frame},
		"no length":    {"RTSP/1.0 200 OK\nContent-Length: -5\n\n" + frame, "RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n" + frame},
		"blank lines":  {"\n\r\n" + head + "body", "\n\r\n" + mended + "body"},
		"its request":  {"RTSP/1.0 200 OK\n\nOPTIONS * RTSP/1.0\nCSeq: 1\n\n" + frame, "RTSP/1.0 200 OK\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" + frame},
	} {
		for _, size := range []int{1, 2, 3, 7, 1 << 20} {
			m := &lineMender{}
			for rest := []byte(tc.in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				m.feed(rest[:min(size, len(rest))])
			}
			if string(m.out) != tc.want {
				t.Errorf("%s in pieces of %d: %q, want %q", name, size, m.out, tc.want)
			}
		}
	}
}

// A line without an end takes no memory beyond what is passed on.
func TestLineMenderIsBounded(t *testing.T) {
	m := &lineMender{}
	for range 100 {
		m.feed(bytes.Repeat([]byte{'x'}, 4096))
		m.out = m.out[:0]
	}
	if cap(m.line) > 4*maxMendedLine {
		t.Errorf("%d bytes of a line are kept", cap(m.line))
	}
}

// A camera that ends its lines with a line feed plays, its keepalive answers between the
// packets included.
func TestBareLineFeeds(t *testing.T) {
	t.Parallel()
	clip, err := testvideo.Load("color_red")
	if err != nil {
		t.Fatal(err)
	}
	server, err := camsim.Start(camsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	h, err := server.Add("cam", camsim.Camera{Clip: clip, FPS: 100, Timeout: 2 * time.Second, Behaviour: camsim.Behaviour{
		Respond: func(_ camsim.Request, r *camsim.Reply) {
			r.Wire = func(text string) string {
				head, body, _ := strings.Cut(text, "\r\n\r\n")
				return strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + body
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := ParseURL(h.URL())
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(t, u, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = s.Run(ctx, func(*media.AccessUnit) error {
		if h.Stats().Keepalives >= 2 {
			return errEnough
		}
		return nil
	})
	if n := h.Stats(); !errors.Is(err, errEnough) || n.Plays != 1 {
		t.Errorf("%v after %d sessions", err, n.Plays)
	}
	if st := s.Stats().Depay; st.DroppedUnits != 0 || st.AccessUnits < 100 {
		t.Errorf("%+v", st)
	}
}
