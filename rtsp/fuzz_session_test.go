package rtsp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/conn"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

const (
	fuzzUser     = "operator"
	fuzzPassword = "c4n4ry-wuchtig"
)

// answered is a well-behaved camera's answer to one request.
func answered(cseq int, status, more, body string) string {
	return "RTSP/1.0 " + status + "\r\nCSeq: " + strconv.Itoa(cseq) + "\r\n" + more +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// interleaved are packets in a session's connection.
func interleaved(channel byte, packets ...[]byte) (out []byte) {
	for _, p := range packets {
		out = binary.BigEndian.AppendUint16(append(out, '$', channel), uint16(len(p)))
		out = append(out, p...)
	}
	return out
}

// sessionSeed is all that a camera says in a session with two pictures, as the library
// will ask: OPTIONS, DESCRIBE, SETUP, PLAY.
func sessionSeed(f *testing.F) (options, describe, setup, play, media string) {
	f.Helper()
	var out []byte
	for i, nal := range [][]byte{testSPS, testPPS, testIDR, testP, testP} {
		stamp := uint32(90000 + 3600*max(0, i-2))
		b, err := (&rtp.Packet{Header: rtp.Header{
			Version: 2, PayloadType: 96, SequenceNumber: uint16(i), Timestamp: stamp, SSRC: 7, Marker: i >= 2,
		}, Payload: nal}).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, interleaved(0, b)...)
	}
	report, err := (&rtcp.SenderReport{SSRC: 7, NTPTime: 0xee00000000000000, RTPTime: 90000}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	out = append(out, interleaved(1, report)...)
	return answered(1, "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER\r\n", ""),
		answered(2, "200 OK", "Content-Base: rtsp://192.0.2.1/live/\r\nContent-Type: application/sdp\r\n", h264SDP()),
		answered(3, "200 OK", "Session: 5A3F;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
		answered(4, "200 OK", "Session: 5A3F\r\nRTP-Info: url=rtsp://192.0.2.1/live/trackID=0;seq=0\r\n", ""),
		string(out)
}

// spoken is a camera that says what it was given, as soon as it is listened to, and then no
// more. It hears all that it is told.
type spoken struct {
	net.Conn // none: what is called is below

	dials int

	mu    sync.Mutex
	said  []byte
	heard bytes.Buffer
}

func (s *spoken) dial(context.Context, string, string) (net.Conn, error) {
	if s.dials++; s.dials > 1 {
		return nil, errors.New("the camera takes no second connection")
	}
	return s, nil
}

func (s *spoken) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.said) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.said)
	s.said = s.said[n:]
	return n, nil
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard.Write(p)
}

func (s *spoken) Close() error                     { return nil }
func (s *spoken) SetDeadline(time.Time) error      { return nil }
func (s *spoken) SetReadDeadline(time.Time) error  { return nil }
func (s *spoken) SetWriteDeadline(time.Time) error { return nil }

// FuzzSession: whole sessions with a camera that says anything, with the library in between
// and nothing left out but the network. They end by themselves, with an error that says
// nothing of the password, and what was asked of the camera is in order: it can't make us
// send lines of its own, ask another host, or hand out the password in clear.
func FuzzSession(f *testing.F) {
	options, describe, setup, play, pictures := sessionSeed(f)
	f.Add([]byte(options + describe + setup + play + pictures))
	f.Add([]byte(strings.ReplaceAll(options, "\r\n", "\n") + describe + setup + play + pictures))
	digest := "WWW-Authenticate: Digest realm=\"cam\", nonce=\"a1b2c3\", opaque=\"x\"\r\n"
	f.Add([]byte(options + answered(2, "401 Unauthorized", digest, "") + answered(3, "200 OK", "Content-Base: rtsp://other.example/\r\n", h264SDP()) +
		answered(4, "404 Not Found", "", "") + answered(5, "200 OK", "Session: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n", "")))
	f.Add([]byte(answered(1, "501 Not Implemented", "", "") + answered(2, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"cam\"\r\n", "") +
		answered(3, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"cam\"\r\n", "")))
	f.Add([]byte(options + answered(2, "302 Found", "Location: rtsp://192.0.2.1/other\r\n", "")))
	f.Add([]byte(options + "OPTIONS rtsp://client/ RTSP/1.0\r\nCSeq: 9\r\n\r\n" + describe + setup + play + "ANNOUNCE rtsp://client/ RTSP/1.0\r\nCSeq: 10\r\n\r\n" + pictures))
	f.Add([]byte(options + answered(2, "200 OK", "", strings.ReplaceAll(h264SDP(), "H264", "JPEG")) + setup + play + pictures))
	f.Add([]byte(options + answered(2, "503 Service Unavailable", "Retry-After: 7\r\n", "")))
	at, _, err := ParseURL("rtsp://192.0.2.1/live?x=1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		var logged bytes.Buffer
		camera := &spoken{said: said}
		s, err := New(Config{
			URL: at, Username: fuzzUser, Password: secret.New(fuzzPassword), Transport: TransportTCP,
			DialContext: camera.dial, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		units, size := 0, 0
		err = s.Run(t.Context(), func(u *media.AccessUnit) error {
			units++
			size += len(u.Data)
			return nil
		})
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || strings.Contains(e.Error(), "made frameport's code panic") || strings.Contains(logged.String(), "a callback panicked") {
			t.Fatalf("%v\n%s", err, &logged)
		}
		for _, text := range []string{e.Error(), logged.String()} {
			if strings.Contains(text, fuzzPassword) {
				t.Fatalf("the password is in %q", text)
			}
		}
		if len(e.Error()) > 4096 {
			t.Fatalf("an error of %d bytes", len(e.Error()))
		}
		// A picture has the parameter sets or, a JPEG, our tables with it.
		if size > (units+1)*(len(said)+4096) {
			t.Fatalf("%d units of %d bytes in all, made of %d", units, size, len(said))
		}
		checkHeard(t, camera.heard.Bytes(), said)
	})
}

// checkHeard judges what a camera was asked.
func checkHeard(t *testing.T, heard, said []byte) {
	t.Helper()
	if bytes.Contains(heard, []byte(fuzzPassword)) {
		t.Fatalf("the camera hears the password: %q", heard)
	}
	ours := []string{
		"Accept", "Authorization", "CSeq", "Content-Length", "KeyMgmt", "Range", "Require", "Session", "Transport", "User-Agent",
	}
	c := conn.NewConn(bufio.NewReader(bytes.NewReader(heard)), io.Discard)
	for {
		m, err := c.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in what the camera hears: %q", err, heard)
		}
		r, ok := m.(*base.Request)
		if !ok { // an answer, which has the camera's own CSeq in it
			continue
		}
		if r.URL == nil || r.URL.Host != "192.0.2.1" || r.URL.User != nil || r.URL.Scheme != "rtsp" {
			t.Fatalf("the camera is asked for %v", r.URL)
		}
		for key, values := range r.Header {
			if !slices.Contains(ours, key) || len(values) != 1 || strings.ContainsAny(values[0], "\r\n") {
				t.Fatalf("the camera, which has said %q, hears %s: %q", said, key, values)
			}
		}
		for _, v := range r.Header["Authorization"] {
			if strings.HasPrefix(v, "Basic") && bytes.Contains(said, []byte("401")) && !bytes.Contains(bytes.ToLower(said), []byte("basic")) {
				t.Fatalf("the camera hears %q and has not asked for it", v)
			}
		}
	}
}
