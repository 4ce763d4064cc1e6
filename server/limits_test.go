package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
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
	c := rawOver(h.t, conn, http2.NewFramer(conn, conn))
	if err := c.fr.WriteSettings(); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// rawOver is a client on a connection that has said hello.
func rawOver(t *testing.T, conn net.Conn, fr *http2.Framer) *rawClient {
	c := &rawClient{t: t, conn: conn, fr: fr, next: 1}
	c.enc = hpack.NewEncoder(&c.buf)
	return c
}

// headersOf are the headers of a call, with more of them.
func headersOf(method string, more ...[2]string) (fields []hpack.HeaderField, size int) {
	for _, f := range append([][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", "x"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	}, more...) {
		field := hpack.HeaderField{Name: f[0], Value: f[1]}
		fields = append(fields, field)
		size += int(field.Size())
	}
	return fields, size
}

// open begins a call that the server waits for the request of.
func (c *rawClient) open(method string, more ...[2]string) (stream uint32) {
	c.t.Helper()
	c.buf.Reset()
	fields, _ := headersOf(method, more...)
	for _, f := range fields {
		_ = c.enc.WriteField(f)
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

// request sends the only request of a call.
func (c *rawClient) request(stream uint32, m proto.Message) {
	c.t.Helper()
	body, err := proto.Marshal(m)
	if err == nil {
		err = c.fr.WriteData(stream, true, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...))
	}
	if err != nil {
		c.t.Fatal(err)
	}
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

// A list of headers beyond the limit ends the call before it begins; one of exactly that
// size, counted as HTTP/2 does, is let in.
func TestHeadersOfACall(t *testing.T) {
	h := newHarness(t, newFakeCameras(t, "door"), newFakeRenderer(100))
	c := h.raw()
	const method = frameportv1.FrameService_WatchFrames_FullMethodName
	_, rest := headersOf(method, [2]string{"x", ""})
	room := 16<<10 - rest
	most := c.open(method, [2]string{"x", strings.Repeat("a", room)})
	large := c.open(method, [2]string{"x", strings.Repeat("a", room+1)})
	c.frames(func(f http2.Frame) bool {
		r, reset := f.(*http2.RSTStreamFrame)
		if reset && r.StreamID == most {
			t.Errorf("the smaller one was reset with %v", r.ErrCode)
		}
		return reset && r.StreamID == large
	})
}

// pinging is a client that pings in the time of a bubble.
type pinging struct {
	*rawClient
	goneFor http2.ErrCode
	gone    chan struct{}
}

func newPinging(t *testing.T, l *pipeListener) *pinging {
	conn := l.dial("127.0.0.1")
	p := &pinging{rawOver(t, conn, http2.NewFramer(conn, conn)), 0, make(chan struct{})}
	answers := make(chan [8]byte, 100)
	go func() {
		defer close(p.gone)
		defer close(answers)
		defer conn.Close()
		for {
			f, err := p.fr.ReadFrame()
			if err != nil {
				return
			}
			switch f := f.(type) {
			case *http2.GoAwayFrame:
				p.goneFor = f.ErrCode
			case *http2.PingFrame:
				if !f.IsAck() {
					answers <- f.Data
				}
			}
		}
	}()
	_, _ = io.WriteString(conn, http2.ClientPreface)
	_ = p.fr.WriteSettings()
	go func() { // a framer of its own, since pings are written at the same time
		fr := http2.NewFramer(conn, nil)
		for data := range answers {
			_ = fr.WritePing(true, data)
		}
	}()
	return p
}

// ping pings n times, and returns how often it could before it was told to calm down.
func (p *pinging) ping(n int, every time.Duration, before func()) int {
	for i := range n {
		before()
		if p.fr.WritePing(false, [8]byte{byte(i)}) != nil {
			return i
		}
		<-time.After(every) // of the bubble
		synctest.Wait()
		select {
		case <-p.gone:
			return i + 1
		default:
		}
	}
	return n
}

// A client may ping every ten seconds while a call is open, and not at all without one:
// the third ping too many ends the connection. What the worker sends begins the count
// anew.
func TestPings(t *testing.T) {
	const watch, stream, none = frameportv1.FrameService_WatchFrames_FullMethodName, frameportv1.FrameService_StreamFrames_FullMethodName, ""
	for name, c := range map[string]struct {
		call  string
		every time.Duration
		want  int // pings of 100 until the end
		calm  bool
	}{
		"in a call, as often as allowed": {watch, 10 * time.Second, 100, false},
		"in a call, too often":           {watch, 10*time.Second - time.Millisecond, 4, true},
		"in a call, all at once":         {watch, 0, 100, true}, // before the goodbye is out
		"after each frame":               {stream, time.Second, 100, false},
		"without a call":                 {none, time.Minute, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			var cameras *fakeCameras
			inBubble(t, func(t *testing.T, l *pipeListener) {
				p, before := newPinging(t, l), func() {}
				switch c.call {
				case watch:
					p.open(watch)
				case stream:
					p.request(p.open(stream), &frameportv1.StreamFramesRequest{})
					before = func() { cameras.camera("door").publish(frame.Drops{}); synctest.Wait() }
				}
				synctest.Wait()
				got := p.ping(100, c.every, before)
				if got != c.want {
					t.Errorf("%d pings, want %d", got, c.want)
				}
				if got != c.want || !c.calm {
					return // the server's end ends it
				}
				if <-p.gone; p.goneFor != http2.ErrCodeEnhanceYourCalm {
					t.Errorf("it was told %v", p.goneFor)
				}
			}, func(cfg *Config) { cameras = cfg.Cameras.(*fakeCameras) })
		})
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
