package camsim

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// queueLength is how many pictures a viewer over TCP may be behind.
const queueLength = 64

// writeTimeout ends a connection whose peer takes nothing at all.
const writeTimeout = 10 * time.Second

// cutShort is how many bytes a connection that ends within a packet keeps back.
const cutShort = 8

// answerStart is how answers begin.
const answerStart = "RTSP/1"

// conn is one RTSP connection. It holds at most one session.
type conn struct {
	server *Server
	number uint64                 // counts the server's connections, from 1
	raw    net.Conn               // below TLS
	rw     net.Conn               // TLS, or a tunnel; as raw without
	camera atomic.Pointer[Handle] // the camera its first request named
	done   chan struct{}          // closed by drop
	once   sync.Once
	nonce  nonce
	silent atomic.Bool // nothing leaves any more, see DropSilent
	cut    atomic.Bool // the next picture is the last, see DropWithinPacket

	viewer  *viewer // the session, nil before SETUP; of the reading goroutine
	playing bool
	queue   chan []byte // interleaved data, nil before PLAY over TCP

	writing sync.Mutex // whole messages and whole pictures
}

func newConn(s *Server, number uint64, raw net.Conn) *conn {
	c := &conn{server: s, number: number, raw: raw, rw: raw, done: make(chan struct{}), nonce: newNonce()}
	if s.cert != nil {
		c.rw = tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{*s.cert}, MinVersion: tls.VersionTLS12})
	}
	return c
}

// drop ends the connection at once. It may be called often and from anywhere.
func (c *conn) drop(mode DropMode) {
	c.once.Do(func() {
		close(c.done)
		if t, ok := c.raw.(*net.TCPConn); ok && mode == DropRST {
			_ = t.SetLinger(0)
		}
		_ = c.raw.Close() // an error tells nothing that the closing does not
	})
}

// run serves the connection until it ends.
func (c *conn) run() {
	var writer sync.WaitGroup
	if r := c.begin(); r != nil {
		c.read(r, &writer)
	}
	if c.viewer != nil {
		c.viewer.camera.leave(c.viewer)
		c.viewer.camera.endSession(false)
	}
	c.drop(DropFIN)
	writer.Wait()
	c.server.forget(c)
}

func (c *conn) read(r *bufio.Reader, writer *sync.WaitGroup) {
	for {
		timeout := time.Minute
		if h := c.camera.Load(); h != nil {
			timeout = h.cfg.Timeout
		}
		if c.rw.SetReadDeadline(time.Now().Add(timeout)) != nil {
			return
		}
		first, err := r.Peek(1)
		if err != nil {
			return
		}
		switch {
		case first[0] == answerStart[0] && isAnswer(r): // to a request that a behaviour sent
			if skipAnswer(r) != nil {
				return
			}
			c.count(func(s *Stats) { s.Answers++ })
		case first[0] == '$':
			if skipInterleaved(r) != nil {
				return
			}
		case first[0] == '\r', first[0] == '\n':
			_, _ = r.Discard(1) // it was peeked
		default:
			req, err := readRequest(r)
			if err != nil || !c.serve(req, writer) {
				return
			}
		}
	}
}

// skipInterleaved reads over what viewers send: receiver reports.
func skipInterleaved(r *bufio.Reader) error {
	head, err := r.Peek(4)
	if err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, r, 4+int64(head[2])<<8+int64(head[3]))
	return err
}

func isAnswer(r *bufio.Reader) bool {
	start, err := r.Peek(len(answerStart)) // no request is as short
	return err == nil && string(start) == answerStart
}

// skipAnswer reads over the answer to a request that a behaviour sent.
func skipAnswer(r *bufio.Reader) error {
	length := ""
	for {
		line, err := readLine(r)
		if err != nil {
			return err
		}
		if line == "" {
			return discardBody(r, length)
		}
		if key, value, _ := strings.Cut(line, ":"); strings.EqualFold(key, "Content-Length") {
			length = strings.TrimSpace(value)
		}
	}
}

// count changes the counters of the connection's camera, if it has one yet.
func (c *conn) count(change func(*Stats)) {
	if h := c.camera.Load(); h != nil {
		h.count(change)
	}
}

// serve answers one request and reports whether the connection goes on.
func (c *conn) serve(req *request, writer *sync.WaitGroup) bool {
	if c.silent.Load() {
		return true
	}
	path, track := req.path()
	h := c.server.find(path)
	if h == nil {
		return c.reply(req, &response{status: 404})
	}
	if c.camera.CompareAndSwap(nil, h) {
		h.count(func(s *Stats) { s.Dials++ })
	}
	b := h.now()
	if b.Refuse {
		c.drop(DropRST)
		return false
	}
	resp := c.answer(h, &b, req, track)
	if b.Delay > 0 {
		wait := time.NewTimer(b.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-c.done:
			return false
		}
	}
	b = h.now()
	if resp = c.respond(&b, req, resp); resp == nil {
		c.drop(DropRST)
		return false
	}
	if resp.silent || b.silent(req.method) {
		return true
	}
	if req.method == "PLAY" && resp.status == 200 {
		return c.play(h, req, resp, writer)
	}
	if resp.cut > 0 {
		c.replyCut(req, resp)
		return false
	}
	return c.reply(req, resp) && (req.method != "TEARDOWN" || resp.status != 200)
}

// play sends the answer to PLAY and starts the stream. No data may come before
// the answer, so the connection is held until both are done.
func (c *conn) play(h *Handle, req *request, resp *response, writer *sync.WaitGroup) bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.queue == nil && c.viewer.interleaved() {
		c.queue = make(chan []byte, queueLength)
		writer.Go(c.writeQueue)
	}
	info, ok := h.join(c.viewer)
	if !ok {
		return false
	}
	c.playing = true
	resp.add("RTP-Info: %s", info)
	return c.write(resp.bytes(req.header.Get("Cseq")))
}

func (c *conn) reply(req *request, resp *response) bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.write(resp.bytes(req.header.Get("Cseq")))
}

// replyCut sends an answer without the end of its body. The connection ends after it.
func (c *conn) replyCut(req *request, resp *response) {
	text := resp.bytes(req.header.Get("Cseq"))
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.write(text[:len(text)-max(len(resp.body)-resp.cut, 0)])
}

// write sends bytes; the caller holds writing.
func (c *conn) write(b []byte) bool {
	if c.silent.Load() {
		return true
	}
	if c.rw.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
		return false
	}
	_, err := c.rw.Write(b)
	return err == nil
}

// writeQueue sends pictures until the connection is dropped.
func (c *conn) writeQueue() {
	for {
		select {
		case <-c.done:
			return
		case b := <-c.queue:
			cut := c.cut.Load()
			if cut { // a picture ends with a packet, whose header is longer than this
				b = b[:len(b)-cutShort]
			}
			c.writing.Lock()
			ok := c.write(b)
			c.writing.Unlock()
			switch {
			case !ok:
				c.drop(DropRST)
				return
			case cut:
				c.drop(DropFIN)
				return
			}
		}
	}
}
