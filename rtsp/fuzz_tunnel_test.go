package rtsp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"
)

// pinged is a camera at the other end of a WebSocket.
type pinged struct {
	speech
	answers int
}

func (p *pinged) Write(b []byte) (int, error) {
	p.answers++
	return len(b), nil
}

func (p *pinged) SetWriteDeadline(time.Time) error { return nil }

// unwrapped is what a WebSocket makes of what a camera sends, in the way of a session.
func unwrapped(t *testing.T, said []byte, cuts pieces) (data []byte, err error) {
	t.Helper()
	c := &pinged{speech: speech{said: said, cuts: cuts}}
	data, err = io.ReadAll(&webSocket{Conn: c, r: bufio.NewReaderSize(c, maxAnswer), patience: time.Minute})
	if 2*c.answers+len(data) > len(said) {
		t.Fatalf("%d bytes and %d answers were made of %d bytes", len(data), c.answers, len(said))
	}
	return data, err
}

// wrapped puts data into frames of the given sizes, with pings and empty frames in between.
func wrapped(data []byte, sizes pieces) (out []byte) {
	kind := byte(frameBinary)
	for i := 0; len(data) > 0; i++ {
		n := sizes.next(i, len(data))
		switch {
		case n%7 == 3:
			out = append(out, 0x80|framePing, 2, 'h', 'i')
		case n%7 == 5:
			out = append(out, kind, 0)
			kind = frameContinued
		}
		switch { // the long forms are for any length
		case n < 126 && n%5 != 1:
			out = append(out, kind, byte(n))
		case n%2 == 0 && n <= 0xffff:
			out = binary.BigEndian.AppendUint16(append(out, kind, 126), uint16(n))
		default:
			out = binary.BigEndian.AppendUint64(append(out, kind, 127), uint64(n))
		}
		out = append(out, data[:n]...)
		data, kind = data[n:], frameContinued
	}
	return append(out, 0x80|frameClose, 0)
}

// FuzzWebSocket: a camera's bytes inside a WebSocket, in any pieces, come out as they went
// in, and nothing else does.
func FuzzWebSocket(f *testing.F) {
	f.Add([]byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n$\x00\x00\x03abc"), []byte{9, 2, 40})
	f.Add(bytes.Repeat([]byte("0123456789"), 60), []byte{255, 127})
	f.Add([]byte("\x82\x05hello\x89\x02hi\x80\x7e\x00\x03abc\x88\x00"), []byte{0})
	f.Add([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffrest"), []byte{})
	f.Add([]byte("\x82\x85mask....."), []byte{3})
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		data, err := unwrapped(t, b, nil)
		again, err2 := unwrapped(t, b, cuts)
		if !bytes.Equal(data, again) || (err == nil) != (err2 == nil) {
			t.Fatalf("at once %q, %v; in pieces %q, %v", data, err, again, err2)
		}
		if got, err := unwrapped(t, wrapped(b, cuts), cuts); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%q comes out as %q, %v", b, got, err)
		}
	})
}
