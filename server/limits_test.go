package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// rawClient speaks HTTP/2 below gRPC.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	fr   *http2.Framer
	enc  *hpack.Encoder
	buf  bytes.Buffer
	next uint32
}

func (h *harness) raw() *rawClient {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, http2.ClientPreface)
	c := &rawClient{t: h.t, conn: conn, fr: http2.NewFramer(conn, conn), next: 1}
	c.enc = hpack.NewEncoder(&c.buf)
	if err := c.fr.WriteSettings(); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// open begins a call that the server waits for the request of.
func (c *rawClient) open(method string, more ...[2]string) (stream uint32) {
	c.t.Helper()
	c.buf.Reset()
	for _, f := range append([][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", "x"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	}, more...) {
		_ = c.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	stream, c.next = c.next, c.next+2
	for block, first := c.buf.Bytes(), true; first || len(block) > 0; first = false {
		part := block[:min(len(block), 16<<10)]
		block = block[len(part):]
		var err error
		if first {
			err = c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: part, EndHeaders: len(block) == 0})
		} else {
			err = c.fr.WriteContinuation(stream, len(block) == 0, part)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	return stream
}

// frames reads until want returns true; the end of the connection is a nil frame.
func (c *rawClient) frames(want func(http2.Frame) bool) {
	c.t.Helper()
	for {
		f, err := c.fr.ReadFrame()
		if err != nil {
			f = nil
		}
		if want(f) {
			return
		}
		if f == nil {
			c.t.Fatalf("the connection ended: %v", err)
		}
	}
}

// A connection has at most MaxStreams calls open: the server says so, and refuses the
// next one of a client that does not listen.
func TestStreamsPerConnection(t *testing.T) {
	h := newHarness(t, newFakeCameras(t, "door"), newFakeRenderer(100))
	c := h.raw()
	said := false
	for range MaxStreams {
		c.open(frameportv1.FrameService_WatchFrames_FullMethodName)
	}
	beyond := c.open(frameportv1.FrameService_WatchFrames_FullMethodName)
	c.frames(func(f http2.Frame) bool {
		if s, ok := f.(*http2.SettingsFrame); ok && !s.IsAck() {
			n, _ := s.Value(http2.SettingMaxConcurrentStreams)
			said = n == MaxStreams
		}
		r, ok := f.(*http2.RSTStreamFrame)
		if ok && (r.StreamID != beyond || r.ErrCode != http2.ErrCodeRefusedStream) {
			t.Errorf("stream %d was reset with %v", r.StreamID, r.ErrCode)
		}
		return ok
	})
	if !said {
		t.Error("the server did not say how many calls it takes")
	}
}

// A list of headers beyond the limit ends the call before it begins.
func TestHeadersOfACall(t *testing.T) {
	h := newHarness(t, newFakeCameras(t, "door"), newFakeRenderer(100))
	c := h.raw()
	small := c.open(frameportv1.FrameService_WatchFrames_FullMethodName, [2]string{"x", strings.Repeat("a", maxHeaderBytes/2)})
	large := c.open(frameportv1.FrameService_WatchFrames_FullMethodName, [2]string{"x", strings.Repeat("a", maxHeaderBytes)})
	c.frames(func(f http2.Frame) bool {
		r, reset := f.(*http2.RSTStreamFrame)
		if reset && r.StreamID == small {
			t.Errorf("the smaller one was reset with %v", r.ErrCode)
		}
		return reset && r.StreamID == large || f == nil
	})
}

// A client that pings all the time is told to calm down, and its connection ends.
func TestPings(t *testing.T) {
	h := newHarness(t, newFakeCameras(t, "door"), newFakeRenderer(100))
	c := h.raw()
	for n := range 20 {
		if err := c.fr.WritePing(false, [8]byte{byte(n)}); err != nil {
			break // it has ended
		}
	}
	calm := false
	c.frames(func(f http2.Frame) bool {
		if g, ok := f.(*http2.GoAwayFrame); ok {
			calm = g.ErrCode == http2.ErrCodeEnhanceYourCalm
		}
		return calm || f == nil
	})
	if !calm {
		t.Error("it was not told why")
	}
}

// A connection that says nothing, or half of what it must, is closed.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	h := newHarness(t, newFakeCameras(t, "door"), newFakeRenderer(100))
	var silent []net.Conn
	for _, says := range []string{"", http2.ClientPreface[:10]} {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, says); err != nil {
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	for i, conn := range silent {
		_ = conn.SetReadDeadline(time.Now().Add(10 * connectionTimeout))
		if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
