package camsim

import "net/textproto"

// Note: [Hooks]
//
// Most faults have a field in [Behaviour]. What is left are oddities of one kind of
// camera: a header with a blank too many, a payload with a stray byte. For these a
// behaviour has three functions. They run on the camera's own goroutines, Packets and
// Reports with its lock held: they return quickly and call no method of a [Handle].

// Request is a request as [Behaviour.Respond] sees it.
type Request struct {
	Method  string
	URL     string
	Header  textproto.MIMEHeader
	Conn    uint64 // number of the connection on its server, from 1
	Playing bool   // in a session that plays
}

// Reply is the answer that a camera would give, to be changed by [Behaviour.Respond].
type Reply struct {
	Status int
	Header []string // "Name: value"; CSeq, Server and Content-Length are added
	Body   string
	// Wire changes the whole text just before it is sent; nil = it is sent as it is.
	Wire   func(text string) string
	Silent bool // no answer
	Hangup bool // the connection is reset instead
	// CutBody ends the connection with FIN after so many bytes of the body; 0 = it stays.
	CutBody int
}

// respond lets the behaviour change an answer. It returns nil when the connection is
// to be reset.
func (c *conn) respond(b *Behaviour, req *request, resp *response) *response {
	if b.Respond == nil {
		return resp
	}
	r := Reply{Status: resp.status, Header: resp.header, Body: resp.body}
	b.Respond(Request{Method: req.method, URL: req.url.String(), Header: req.header, Conn: c.number, Playing: c.playing}, &r)
	if r.Hangup {
		return nil
	}
	return &response{status: r.Status, header: r.Header, body: r.Body, wire: r.Wire, silent: r.Silent, cut: r.CutBody}
}

// Packet is an RTP packet of the video track as [Behaviour.Packets] sees it, before it
// has its sequence number and before anything is lost.
type Packet struct {
	Payload   []byte // shared with other cameras: a hook replaces it and never writes into it
	Marker    bool
	Type      byte   // payload type
	Timestamp uint32 // of RTP
	SSRC      uint32
	Extension []byte // header extension from its profile on, whole words; nil = none
	Padding   int    // bytes of padding, the last one holds the number; 0 = none
	Channel   int    // interleaved channel instead of the track's, over TCP; 0 = the track's
	Raw       []byte // the whole packet instead of all above; it takes no sequence number

	sequence uint16
}

// Picture tells a hook which picture the packets belong to.
type Picture struct {
	Index uint64 // pictures sent before this one since the camera was added
	Key   bool   // decoding can begin here
	Frame int    // its number in the clip
	Since uint64 // pictures sent before this one since the first viewer of now came
}
