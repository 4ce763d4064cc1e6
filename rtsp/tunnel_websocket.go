package rtsp

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/frameport/frameport/fault"
)

// openWebSocket opens a tunnel over WebSocket (RFC 6455), whose messages are taken for
// one stream of bytes.
func (a *attempt) openWebSocket(ctx context.Context, network, address string) (*link, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	c, r, got, err := a.get(ctx, network, address, "HTTP/1.1",
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\nSec-WebSocket-Key: "+key+"\r\n")
	if err != nil {
		return nil, err
	}
	if err := got.upgraded(key); err != nil {
		_ = c.raw.Close()
		return nil, err
	}
	return &link{Conn: &webSocket{Conn: c, r: r, patience: a.src.cfg.Timeouts.Response}, raw: c.raw}, nil
}

// upgraded judges the answer to a request with this key.
func (r *answer) upgraded(key string) error {
	if r.status != http.StatusSwitchingProtocols {
		return r.refusal()
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	protocol := r.header.Get("Sec-Websocket-Protocol")
	if r.header.Get("Sec-Websocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) ||
		!strings.EqualFold(r.header.Get("Upgrade"), "websocket") ||
		protocol != "" && !strings.EqualFold(protocol, "rtsp.onvif.org") {
		return fault.New(fault.Protocol, "tunnel", errors.New("the web server's answer opens no WebSocket for RTSP: check the path of the URL"))
	}
	return nil
}

// webSocket is the bytes inside the messages of a WebSocket.
type webSocket struct {
	net.Conn
	r        *bufio.Reader // over it
	rest     uint64        // bytes left of the frame that is being read
	patience time.Duration // for a write of its own

	writing sync.Mutex
}

// The kinds of frames.
const (
	frameContinued = 0
	frameText      = 1
	frameBinary    = 2
	frameClose     = 8
	framePing      = 9
	framePong      = 10
)

// errFrame is what a camera sends that is no frame for a client.
var errFrame = errors.New("the camera sends something that is no WebSocket frame for a client")

// Read implements net.Conn. What a deadline interrupts goes on with the next call.
func (w *webSocket) Read(p []byte) (int, error) {
	for w.rest == 0 {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	n, err := w.r.Read(p[:min(uint64(len(p)), w.rest)])
	w.rest -= uint64(n)
	return n, err
}

// next reads the head of a frame, or a whole one that holds no data.
func (w *webSocket) next() error {
	head, err := w.r.Peek(2)
	if err != nil {
		return err
	}
	final, kind, length := head[0]&0x80 != 0, head[0]&0xf, uint64(head[1]&0x7f)
	if head[0]&0x70 != 0 || head[1]&0x80 != 0 { // an extension, or masked
		return fault.New(fault.Protocol, "tunnel", errFrame)
	}
	size := 2
	switch kind {
	case frameContinued, frameText, frameBinary:
		switch length {
		case 126:
			size += 2
		case 127:
			size += 8
		}
		if head, err = w.r.Peek(size); err != nil {
			return err
		}
		switch length {
		case 126:
			length = uint64(binary.BigEndian.Uint16(head[2:]))
		case 127:
			length = binary.BigEndian.Uint64(head[2:])
		}
		w.rest = length
	case frameClose:
		return io.EOF
	case framePing, framePong:
		if !final || length > 125 {
			return fault.New(fault.Protocol, "tunnel", errFrame)
		}
		size += int(length)
		if head, err = w.r.Peek(size); err != nil {
			return err
		}
		if kind == framePing {
			if err := w.pong(head[2:]); err != nil {
				return err
			}
		}
	default:
		return fault.New(fault.Protocol, "tunnel", errFrame)
	}
	_, err = w.r.Discard(size) // it was peeked
	return err
}

// Write implements net.Conn: one message for each.
func (w *webSocket) Write(p []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	return w.write(frameBinary, p)
}

// pong answers a ping. The library's last deadline for writing may be long over.
func (w *webSocket) pong(p []byte) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	if err := w.SetWriteDeadline(time.Now().Add(w.patience)); err != nil {
		return err
	}
	_, err := w.write(framePong, p)
	return err
}

func (w *webSocket) write(kind byte, p []byte) (int, error) {
	const masked = 0x80
	b := make([]byte, 0, 14+len(p))
	b = append(b, 0x80|kind)
	switch {
	case len(p) < 126:
		b = append(b, masked|byte(len(p)))
	case len(p) <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, masked|126), uint16(len(p)))
	default:
		b = binary.BigEndian.AppendUint64(append(b, masked|127), uint64(len(p)))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // never fails
	b = append(b, mask[:]...)
	for i, c := range p {
		b = append(b, c^mask[i%4])
	}
	if _, err := w.Conn.Write(b); err != nil {
		return 0, err
	}
	return len(p), nil
}
