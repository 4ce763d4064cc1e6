package rtsp

import (
	"bytes"
	"strconv"
)

// Note: [Bare line feeds]
//
// Some cameras end their lines with a line feed alone, which the library waits behind
// for ever. The first line of a connection tells: when it ends as it should, the bytes
// of the connection pass untouched from then on. Otherwise the messages are followed,
// interleaved frames and bodies are stepped over by their lengths, and the missing
// carriage returns are put in.

// lineMender follows what a camera sends.
type lineMender struct {
	out []byte // mended, not read yet

	sound bool // the first line ended with CR LF: there is nothing to do

	where  place
	rest   int    // bytes left of a frame or body
	head   int    // bytes seen of a frame's header
	length int    // announced of the body
	line   []byte // of the message's head so far, without its end
	last   byte   // of the line, of which line may have the beginning only
}

type place uint8

const (
	betweenMessages place = iota
	inFrameHeader
	inFrame // or in a body
	inLine
)

// maxMendedLine bounds what is kept of a line: no header that matters is longer, and
// the library has a limit of its own for what is passed on.
const maxMendedLine = 4096

// feed takes what was read and adds it to out.
func (m *lineMender) feed(b []byte) {
	for len(b) > 0 {
		if m.sound {
			m.out = append(m.out, b...)
			return
		}
		switch m.where {
		case inFrame:
			n := min(m.rest, len(b))
			m.out = append(m.out, b[:n]...)
			b = b[n:]
			if m.rest -= n; m.rest == 0 {
				m.where = betweenMessages
			}
		case inFrameHeader:
			m.out = append(m.out, b[0])
			m.rest = m.rest<<8 | int(b[0])
			if m.head++; m.head == 4 {
				m.rest &= 0xffff
				m.into(m.rest)
			}
			b = b[1:]
		case betweenMessages:
			switch b[0] {
			case '$':
				m.where, m.head, m.rest = inFrameHeader, 1, 0
				m.out = append(m.out, '$')
				b = b[1:]
			case '\r', '\n':
				m.out = append(m.out, b[0])
				b = b[1:]
			default:
				m.where, m.length, m.line = inLine, 0, m.line[:0]
			}
		case inLine:
			end := bytes.IndexByte(b, '\n')
			if end < 0 {
				m.keep(b)
				m.out = append(m.out, b...)
				return
			}
			m.keep(b[:end])
			m.out = append(m.out, b[:end]...)
			b = b[end+1:]
			m.endLine()
		}
	}
}

// keep remembers a part of a line.
func (m *lineMender) keep(b []byte) {
	m.line = append(m.line, b[:min(len(b), maxMendedLine-len(m.line))]...)
	if len(b) > 0 {
		m.last = b[len(b)-1]
	}
}

// endLine ends the line in m.line, of which a carriage return may be the last byte.
func (m *lineMender) endLine() {
	text, sound := bytes.TrimSuffix(m.line, []byte{'\r'}), m.last == '\r'
	m.last = 0
	if !sound {
		m.out = append(m.out, '\r')
	}
	m.out = append(m.out, '\n')
	m.sound = sound && m.length == 0 && bytes.HasPrefix(text, []byte("RTSP/"))
	key, value, _ := bytes.Cut(text, []byte{':'})
	if bytes.EqualFold(bytes.TrimSpace(key), []byte("Content-Length")) {
		if n, err := strconv.Atoi(string(bytes.TrimSpace(value))); err == nil && n > 0 {
			m.length = n
		}
	}
	m.line = m.line[:0]
	if len(text) == 0 {
		m.into(m.length)
	}
}

// into steps over n bytes.
func (m *lineMender) into(n int) {
	m.where, m.rest = inFrame, n
	if n == 0 {
		m.where = betweenMessages
	}
}
