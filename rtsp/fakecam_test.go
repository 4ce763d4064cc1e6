package rtsp

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// the tests wait for timeouts most of the time, which fuzzing does not
	if flag.Lookup("test.fuzz").Value.String() == "" {
		if err := flag.Set("test.parallel", "6"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// A whole H.264 stream in four NAL units: 352x288, baseline.
var (
	testSPS = []byte{
		0x67, 0x64, 0x00, 0x0c, 0xac, 0x3b, 0x50, 0xb0, 0x4b, 0x42, 0x00, 0x00, 0x03,
		0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x3d, 0x08,
	}
	testPPS = []byte{0x68, 0xee, 0x3c, 0x80}
	testIDR = []byte{0x65, 0x88, 0x84, 0x00, 0x10, 0xff, 0xfe, 0xf6}
	testP   = []byte{0x41, 0x9a, 0x21, 0x6c, 0x45, 0xff}
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

const sdpHead = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"

func h264SDP() string {
	return sdpHead + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" +
		"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=" + b64(testSPS) + "," + b64(testPPS) + "\r\na=control:trackID=0\r\n"
}

// fakeCam is a scripted camera on plain sockets: what a script does not handle,
// a well-behaved camera does.
type fakeCam struct {
	t      *testing.T
	sdp    string
	script func(c *camConn, r *camRequest) bool // true = handled
	frames func(c *camConn)                     // what PLAY starts; nil = 100 pictures a second
	noUDP  bool                                 // SETUP for UDP works, and nothing is sent

	ln     net.Listener
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	requests []*camRequest
	conns    int
	teardown chan struct{}
}

type camRequest struct {
	method, url string
	header      textproto.MIMEHeader
}

type camConn struct {
	net.Conn
	cam     *fakeCam
	ctx     context.Context
	n       int // which connection, from 1
	channel int
	udp     [2]*net.UDPConn
	peer    [2]*net.UDPAddr
	write   sync.Mutex
}

func startCam(t *testing.T, cam *fakeCam, listen ...net.Listener) *fakeCam {
	t.Helper()
	cam.t = t
	if cam.sdp == "" {
		cam.sdp = h264SDP()
	}
	cam.teardown = make(chan struct{}, 1024)
	cam.ctx, cam.cancel = context.WithCancel(context.Background())
	if len(listen) > 0 {
		cam.ln = listen[0]
	} else {
		var err error
		if cam.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	cam.wg.Add(1)
	go cam.accept()
	t.Cleanup(func() {
		cam.cancel()
		_ = cam.ln.Close()
		cam.wg.Wait()
	})
	return cam
}

func (cam *fakeCam) accept() {
	defer cam.wg.Done()
	for {
		conn, err := cam.ln.Accept()
		if err != nil {
			return
		}
		cam.mu.Lock()
		cam.conns++
		c := &camConn{Conn: conn, cam: cam, n: cam.conns}
		cam.mu.Unlock()
		cam.wg.Add(1)
		go c.serve()
	}
}

func (cam *fakeCam) dials() int {
	cam.mu.Lock()
	defer cam.mu.Unlock()
	return cam.conns
}

// seen returns the requests with a method, all for "".
func (cam *fakeCam) seen(method string) []*camRequest {
	cam.mu.Lock()
	defer cam.mu.Unlock()
	var out []*camRequest
	for _, r := range cam.requests {
		if method == "" || r.method == method {
			out = append(out, r)
		}
	}
	return out
}

func (cam *fakeCam) addr() string { return cam.ln.Addr().String() }

func (c *camConn) serve() {
	defer c.cam.wg.Done()
	var cancel context.CancelFunc
	c.ctx, cancel = context.WithCancel(c.cam.ctx)
	defer cancel()
	stop := context.AfterFunc(c.ctx, func() { _ = c.Conn.Close() })
	defer stop()
	defer c.Conn.Close()
	defer func() {
		for _, u := range c.udp {
			if u != nil {
				_ = u.Close()
			}
		}
	}()
	br := bufio.NewReader(c.Conn)
	for {
		r, err := readRequest(br)
		if err != nil {
			return
		}
		c.cam.mu.Lock()
		c.cam.requests = append(c.cam.requests, r)
		c.cam.mu.Unlock()
		if c.cam.script != nil && c.cam.script(c, r) {
			continue
		}
		c.standard(r)
		if r.method == "TEARDOWN" {
			return
		}
	}
}

func readRequest(br *bufio.Reader) (*camRequest, error) {
	for {
		b, err := br.ReadByte()
		if err != nil {
			return nil, err
		}
		if b != '$' {
			_ = br.UnreadByte()
			break
		}
		var head [3]byte
		if _, err := io.ReadFull(br, head[:]); err != nil {
			return nil, err
		}
		if _, err := br.Discard(int(binary.BigEndian.Uint16(head[1:]))); err != nil {
			return nil, err
		}
	}
	tp := textproto.NewReader(br)
	line, err := tp.ReadLine()
	if err != nil {
		return nil, err
	}
	f := strings.Fields(line)
	if len(f) != 3 {
		return nil, fmt.Errorf("bad request line %q", line)
	}
	h, err := tp.ReadMIMEHeader()
	return &camRequest{f[0], f[1], h}, err
}

func (c *camConn) standard(r *camRequest) {
	switch r.method {
	case "OPTIONS":
		c.reply(r, "200 OK", "Public: DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER", "")
	case "DESCRIBE":
		c.reply(r, "200 OK", "Content-Type: application/sdp\r\nContent-Base: "+strings.TrimSuffix(r.url, "/")+"/", c.cam.sdp)
	case "SETUP":
		c.setup(r)
	case "PLAY":
		c.reply(r, "200 OK", "Session: 1234", "")
		play := c.cam.frames
		if play == nil {
			play = func(c *camConn) { c.pictures(c.ctx, 0) }
		}
		c.cam.wg.Add(1)
		go func() {
			defer c.cam.wg.Done()
			play(c)
		}()
	case "TEARDOWN":
		c.reply(r, "200 OK", "Session: 1234", "")
		c.cam.teardown <- struct{}{}
	default:
		c.reply(r, "200 OK", "Session: 1234", "")
	}
}

func (c *camConn) setup(r *camRequest) {
	transport := r.header.Get("Transport")
	if strings.Contains(transport, "TCP") {
		c.reply(r, "200 OK", "Session: 1234;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= ABC", "")
		return
	}
	if !strings.Contains(transport, "client_port=") {
		c.reply(r, "461 Unsupported Transport", "", "")
		return
	}
	_, ports, _ := strings.Cut(transport, "client_port=")
	first, _, _ := strings.Cut(ports, "-")
	n, _ := strconv.Atoi(first)
	var server [2]int
	for i := range c.udp {
		u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			c.cam.t.Error(err)
			return
		}
		c.udp[i], c.peer[i] = u, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n + i}
		server[i] = u.LocalAddr().(*net.UDPAddr).Port
	}
	c.reply(r, "200 OK", fmt.Sprintf("Session: 1234\r\nTransport: RTP/AVP;unicast;source=10.9.8.7;client_port=%d-%d;server_port=%d-%d", n, n+1, server[0], server[1]), "")
}

func (c *camConn) reply(r *camRequest, status, header, body string) {
	s := "RTSP/1.0 " + status + "\r\nCSeq: " + r.header.Get("Cseq") + "\r\n"
	if header != "" {
		s += header + "\r\n"
	}
	if body != "" {
		s += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	c.send([]byte(s + "\r\n" + body))
}

func (c *camConn) send(b []byte) bool {
	c.write.Lock()
	defer c.write.Unlock()
	_, err := c.Conn.Write(b)
	return err == nil
}

// packet sends RTP (0) or RTCP (1) over the transport that was set up.
func (c *camConn) packet(kind int, b []byte) bool {
	if c.udp[0] != nil {
		if c.cam.noUDP {
			return true
		}
		_, err := c.udp[kind].WriteToUDP(b, c.peer[kind])
		return err == nil
	}
	head := []byte{'$', byte(c.channel + kind), 0, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(len(b)))
	return c.send(append(head, b...))
}

// pictures sends n pictures, without end for 0, with a key frame every ten and a
// sender report before each.
func (c *camConn) pictures(ctx context.Context, n int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	seq := uint16(100)
	for i := 0; n == 0 || i < n; i++ {
		ts := uint32(i * 900)
		nals := [][]byte{testP}
		if i%10 == 0 {
			nals = [][]byte{testSPS, testPPS, testIDR}
			sr := &rtcp.SenderReport{SSRC: 7, NTPTime: ntpNow(), RTPTime: ts}
			b, _ := sr.Marshal()
			if !c.packet(1, b) {
				return
			}
		}
		for j, nal := range nals {
			p := &rtp.Packet{
				Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Timestamp: ts, SSRC: 7, Marker: j == len(nals)-1},
				Payload: nal,
			}
			seq++
			b, _ := p.Marshal()
			if !c.packet(0, b) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func ntpNow() uint64 {
	now := time.Now()
	return uint64(now.Unix()+2208988800)<<32 | uint64(now.Nanosecond())<<32/1e9
}

// patience is how long tests wait for what has to come: no test fails because the
// machine is busy.
const patience = time.Minute

// patientTimeouts are those of cameras that play. What a test waits for to be missing
// it makes short itself.
func patientTimeouts() Timeouts {
	return Timeouts{
		Dial: patience, Response: patience, Handshake: patience, UDPStart: 600 * time.Millisecond, UDPWhole: 600 * time.Millisecond,
		Bytes: patience, Units: patience, Teardown: 300 * time.Millisecond,
	}
}

// quickly makes failures show within seconds.
func quickly(c *Config) {
	c.Timeouts.Response, c.Timeouts.Bytes, c.Timeouts.Units = 2*time.Second, time.Second, time.Second
}

func camURL(t *testing.T, cam *fakeCam) URL {
	t.Helper()
	u, _, err := ParseURL("rtsp://" + cam.addr() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func newSource(t *testing.T, u URL, change func(*Config)) *Source {
	t.Helper()
	cfg := Config{URL: u, Transport: TransportTCP, Timeouts: patientTimeouts()}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func credentials(user, password string) func(*Config) {
	return func(c *Config) { c.Username, c.Password = user, secret.New(password) }
}

var errEnough = errors.New("enough")

// runUnits runs s until n units have come and returns copies of them.
func runUnits(t *testing.T, s *Source, n int) ([]media.AccessUnit, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var got []media.AccessUnit
	err := s.Run(ctx, func(u *media.AccessUnit) error {
		c := *u
		c.Data = append([]byte(nil), u.Data...)
		got = append(got, c)
		if len(got) == n {
			return errEnough
		}
		return nil
	})
	return got, err
}

// wantPlay asserts that the source plays.
func wantPlay(t *testing.T, s *Source) {
	t.Helper()
	if got, err := runUnits(t, s, 3); !errors.Is(err, errEnough) || len(got) != 3 {
		t.Fatalf("got %d units and %v, want 3 and the sink's own error", len(got), err)
	}
}

// wantFault asserts that Run fails with a class and a text.
func wantFault(t *testing.T, s *Source, class fault.Class, text string) *fault.Error {
	t.Helper()
	got, err := runUnits(t, s, 1000)
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("got %d units and %T %v, want a *fault.Error", len(got), err, err)
	}
	if e.Class != class || !strings.Contains(e.Error(), text) {
		t.Fatalf("got %v %q, want %v and %q", e.Class, e, class, text)
	}
	return e
}

func receive(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
	}
}

func tlsListener(t *testing.T, cert tls.Certificate) net.Listener {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
