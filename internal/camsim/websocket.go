package camsim

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
)

// webSocket answers the request for one.
func (c *conn) webSocket(req *request, r *bufio.Reader) *bufio.Reader {
	if req.method != "GET" || req.header.Get("Sec-Websocket-Version") != "13" || req.header.Get("Sec-Websocket-Protocol") != "rtsp.onvif.org" {
		c.answerHTTP("400 Bad Request", "Connection: close")
		return nil
	}
	sum := sha1.Sum([]byte(req.header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if !c.answerHTTP("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Protocol: rtsp.onvif.org", "Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])) {
		return nil
	}
	c.server.webSockets.Add(1)
	c.rw = &webSocket{Conn: c.rw, r: r}
	return bufio.NewReaderSize(c.rw, maxLine)
}

// The kinds of frames (RFC 6455, 5.2).
const (
	frameContinued = 0
	frameBinary    = 2
	frameClose     = 8
	framePing      = 9
	framePong      = 10
)

// pingEvery is how many messages go out for each ping.
const pingEvery = 8

// webSocket is the server's end of one. It makes the most of what is allowed: a
// message is two frames, and pings come between these.
type webSocket struct {
	net.Conn
	r    *bufio.Reader // over it
	rest uint64        // bytes left of the frame that is being read
	mask [4]byte
	at   int // place in the mask

	messages int
}

// Read implements net.Conn. After a deadline it is not to be called again.
func (w *webSocket) Read(p []byte) (int, error) {
	for w.rest == 0 {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	n, err := w.r.Read(p[:min(uint64(len(p)), w.rest)])
	for i := range n {
		p[i] ^= w.mask[w.at%4]
		w.at++
	}
	w.rest -= uint64(n)
	return n, err
}

// next reads the head of a frame with data, or a frame without.
func (w *webSocket) next() error {
	var head [8]byte
	if _, err := io.ReadFull(w.r, head[:2]); err != nil {
		return err
	}
	kind, length := head[0], uint64(head[1]&0x7f)
	if head[1]&0x80 == 0 {
		return errMessage // a client masks
	}
	long := head[:0]
	switch length {
	case 126:
		long = head[6:]
	case 127:
		long = head[:]
	}
	if len(long) > 0 {
		head = [8]byte{}
		if _, err := io.ReadFull(w.r, long); err != nil {
			return err
		}
		length = binary.BigEndian.Uint64(head[:])
	}
	if _, err := io.ReadFull(w.r, w.mask[:]); err != nil {
		return err
	}
	switch kind { // whole messages only: that is how requests are sent
	case 0x80 | frameBinary:
		w.rest, w.at = length, 0
		return nil
	case 0x80 | framePong:
		if length > 125 {
			return errMessage
		}
		_, err := io.CopyN(io.Discard, w.r, int64(length))
		return err
	case 0x80 | frameClose:
		return io.EOF
	default:
		return errMessage
	}
}

// Write implements net.Conn: one message for each.
func (w *webSocket) Write(p []byte) (int, error) {
	first := len(p) / 3
	b := appendFrame(nil, frameBinary, p[:first])
	if w.messages++; w.messages%pingEvery == 1 {
		b = appendFrame(b, 0x80|framePing, []byte("are you there"))
	}
	if _, err := w.Conn.Write(appendFrame(b, 0x80|frameContinued, p[first:])); err != nil {
		return 0, err
	}
	return len(p), nil
}

func appendFrame(b []byte, kind byte, p []byte) []byte {
	b = append(b, kind)
	switch {
	case len(p) < 126:
		b = append(b, byte(len(p)))
	case len(p) <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(len(p)))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(len(p)))
	}
	return append(b, p...)
}
