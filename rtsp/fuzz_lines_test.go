package rtsp

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/conn"
)

// pieces are the sizes in which bytes arrive, from the first cut on over and over; none =
// all at once.
type pieces []byte

func (p pieces) next(i, left int) int {
	if len(p) == 0 {
		return left
	}
	return min(left, 1+int(p[i%len(p)]))
}

// mend is what a mender makes of bytes that arrive in pieces.
func mend(t *testing.T, in []byte, cuts pieces) []byte {
	t.Helper()
	m := &lineMender{}
	for i := 0; len(in) > 0; i++ {
		n := cuts.next(i, len(in))
		m.feed(in[:n])
		in = in[n:]
		if len(m.line) > maxMendedLine {
			t.Fatalf("%d bytes of a line are kept", len(m.line))
		}
	}
	return m.out
}

// conversation is what a camera sends, made of any bytes: messages with headers and bodies,
// and frames, the lines ended with end.
func conversation(b []byte, end string) []byte {
	take := func(n int) string {
		n = min(n, len(b))
		text := b[:n]
		b = b[n:]
		return string(text)
	}
	number := func() int { return int((take(1) + "\x00")[0]) }
	oneLine := strings.NewReplacer("\r", " ", "\n", " ")
	var out strings.Builder
	for len(b) > 0 {
		switch kind := number(); kind % 4 {
		case 0: // a frame
			payload := take(kind/64*256 + number())
			out.WriteString("$" + string([]byte{byte(kind), byte(len(payload) >> 8), byte(len(payload))}) + payload)
			continue
		case 1:
			out.WriteString("OPTIONS rtsp://camera/ RTSP/1.0" + end)
		default:
			out.WriteString("RTSP/1.0 200 OK" + end)
		}
		for range number() % 4 {
			out.WriteString("X-Header: " + oneLine.Replace(take(number()%64)) + end)
		}
		body := take(number())
		out.WriteString("Content-Length: " + strconv.Itoa(len(body)) + end + end + body)
	}
	return []byte(out.String())
}

func addConversations(f *testing.F) {
	head := "RTSP/1.0 200 OK\nCSeq: 1\nContent-Length: 4\n\n"
	frame := "$\x00\x00\x05a\nb\nc"
	sound := strings.ReplaceAll(head, "\n", "\r\n")
	for _, text := range []string{
		head + "a\nb\n" + frame + head + "\n\n\n\n",
		sound + "a\nb\n" + frame + "OPTIONS * RTSP/1.0\nCSeq: 1\n\n",
		"\x80\x10" + strings.Repeat("x\n", 300),
		frame + "$\x01\x00\x00" + head + "body",
		"\n\r\n" + head + "body",
		"RTSP/1.0 200 OK\nCSeq: 1\r\n\n" + frame,
		"RTSP/1.0 200 OK\nContent-Length: -5\n\n" + frame,
		"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"a1b2\", stale=FALSE\r\nWWW-Authenticate: Basic realm=\"cam\"\r\n\r\n",
		"RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 5A3F;timeout=60\r\nTransport: RTP/AVP;unicast;client_port=10000-10001;server_port=8000-8001;source=6.6.6.6\r\n\r\n",
		"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Base: rtsp://camera/live/\r\nContent-Type: application/sdp\r\nContent-Length: " +
			strconv.Itoa(len(h264SDP())) + "\r\n\r\n" + h264SDP(),
		"RTSP/1.0 302\r\nLocation: rtsp://other/\r\nRetry-After: 9\r\n\r\n",
		"RTSP/1.0 200 OK\nX-Long: " + strings.Repeat("x", maxMendedLine) + "\r\n\r\n" + frame,
		"\x02\x03\x05abcde\x00\x02xy\x04hey!\x00\x09$$$$\r\n\r\n$\x01\x01\x03one",
	} {
		f.Add([]byte(text), []byte{})
		f.Add([]byte(text), []byte{0})
		f.Add([]byte(text), []byte{6, 0, 30})
	}
}

// FuzzLineMender: whatever comes in, and in whichever pieces, all of it goes out with
// nothing but carriage returns before bare line feeds added. What is sound passes
// untouched, and what has lost all carriage returns of its lines gets them back.
func FuzzLineMender(f *testing.F) {
	addConversations(f)
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		out := mend(t, in, nil)
		if other := mend(t, in, cuts); !bytes.Equal(other, out) {
			t.Fatalf("in pieces it is %q, at once %q", other, out)
		}
		rest := in
		for i, c := range out {
			switch {
			case len(rest) > 0 && rest[0] == c:
				rest = rest[1:]
			case c != '\r' || len(rest) == 0 || rest[0] != '\n' || i > 0 && out[i-1] == '\r':
				t.Fatalf("%q becomes %q: byte %d is from nowhere", in, out, i)
			}
		}
		if len(rest) > 0 {
			t.Fatalf("%q becomes %q: the end is lost", in, out)
		}
		if again := mend(t, out, cuts); !bytes.Equal(again, out) {
			t.Fatalf("mended: %q, mended twice: %q", out, again)
		}
		sound := append([]byte("RTSP/1.0 200 OK\r\n"), in...)
		if got := mend(t, sound, cuts); !bytes.Equal(got, sound) {
			t.Fatalf("%q is sound and becomes %q", sound, got)
		}
		want := conversation(in, "\r\n")
		if got := mend(t, conversation(in, "\n"), cuts); !bytes.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// speech is a connection to a camera that has said what it has to say.
type speech struct {
	net.Conn // none: nothing but Read is called
	said     []byte
	cuts     pieces
	n        int
}

func (w *speech) Read(p []byte) (int, error) {
	if len(w.said) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.said[:w.cuts.next(w.n, len(w.said))])
	w.n++
	w.said = w.said[n:]
	return n, nil
}

// understood is what the library reads of what a camera says, in the way of a session.
func understood(said []byte, cuts pieces) (messages []any) {
	c := conn.NewConn(bufio.NewReader(&link{Conn: &speech{said: said, cuts: cuts}}), io.Discard)
	for {
		m, err := c.Read()
		if err != nil {
			return messages
		}
		if frame, ok := m.(*base.InterleavedFrame); ok { // which the library uses again
			m = base.InterleavedFrame{Channel: frame.Channel, Payload: frame.Payload}
		}
		messages = append(messages, m)
	}
}

// FuzzResponses: a camera's bytes through our connection and the library's reader, as in a
// session. How they arrive changes nothing, nothing comes out that did not go in, and what
// the library goes on with keeps the rules that it does not know. Lines that end with a
// line feed alone are understood as those that end as they should.
func FuzzResponses(f *testing.F) {
	addConversations(f)
	f.Fuzz(func(t *testing.T, said, cuts []byte) {
		all := understood(said, cuts)
		if at := understood(said, nil); !reflect.DeepEqual(all, at) {
			t.Fatalf("in pieces %v, at once %v", all, at)
		}
		size := 0
		for _, m := range all {
			switch m := m.(type) {
			case base.InterleavedFrame:
				size += 4 + len(m.Payload)
			case *base.Request:
				size += len(m.Body) + sizeOf(t, m.Header)
			case *base.Response:
				size += len(m.Body) + len(m.StatusMessage) + sizeOf(t, m.Header)
				checkResponse(t, m)
			}
		}
		if size > 2*len(said) { // the mender adds one byte to a line feed at most
			t.Fatalf("%d bytes were made of %d", size, len(said))
		}
		want := understood(conversation(said, "\r\n"), nil)
		if got := understood(conversation(said, "\n"), cuts); !reflect.DeepEqual(got, want) {
			t.Fatalf("without carriage returns %v, with them %v", got, want)
		}
	})
}

func sizeOf(t *testing.T, h base.Header) (n int) {
	t.Helper()
	lines := 0
	for key, values := range h {
		for _, v := range values {
			n += len(key) + len(v)
			lines++
		}
	}
	if lines > 255 {
		t.Fatalf("%d lines in a header", lines)
	}
	return n
}

// checkResponse hands a response to what looks at it before the library does.
func checkResponse(t *testing.T, r *base.Response) {
	t.Helper()
	for _, multicast := range []bool{false, true} {
		h := base.Header{"Transport": r.Header["Transport"]}
		rewriteTransport(h, multicast)
		checkTransport(t, h["Transport"], multicast)
	}
	h := base.Header{"Session": r.Header["Session"]}
	rewriteSession(h)
	checkSession(t, h["Session"])
	checkRetryAfter(t, r.Header)
	c := parseChallenges(r.Header["WWW-Authenticate"])
	for _, v := range append(c.digest, c.basic...) {
		if strings.ContainsAny(v, "\r\n") {
			t.Fatalf("line break in %q", v)
		}
	}
}
