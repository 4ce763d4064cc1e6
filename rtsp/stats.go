package rtsp

import (
	"time"

	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/clock"
	"github.com/frameport/frameport/rtsp/rtpdepay"
)

// Stats are a source's figures. Counters add up over all Runs.
type Stats struct {
	// Connected is true while there is a connection, Playing from the answer to
	// PLAY to its end.
	Connected, Playing bool
	// Transport is "TCP", "UDP", "MULTICAST", "HTTP" or "WEBSOCKET" while playing, else "".
	Transport string
	// Codec of the last stream; unknown before its first packet.
	Codec media.Codec
	// Packets and Bytes (payload) of the video track that were received.
	Packets, Bytes uint64
	// Unreadable packets were of no format the camera announced.
	Unreadable uint64
	// Depay counts what became of the packets. Its GOP figures are those of the
	// running stream.
	Depay rtpdepay.Stats
	// Clock is what is known about the camera's wall clock.
	Clock clock.Status
	// Gap is the usual longest distance between two units.
	Gap time.Duration
}

// Stats returns the figures as they are now. It never waits for the camera or
// the sink.
func (s *Source) Stats() Stats {
	st := Stats{
		Connected: s.state.connected.Load(),
		Playing:   s.state.playing.Load(),
		Codec:     media.Codec(s.state.codec.Load()), //nolint:gosec // stored from one
		Packets:   s.state.packets.Load(),
		Bytes:     s.state.bytes.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Unreadable = s.state.unreadable.Load()
	st.Depay = s.history
	a := s.live
	if a == nil {
		return st
	}
	st.Transport = s.using.String()
	st.Unreadable += a.unreadable.Load()
	st.Gap = time.Duration(a.gap.Load())
	if stream := a.stream.Load(); stream != nil {
		st.Depay = sum(s.history, stream.Stats())
	}
	if c := a.clock.Load(); c != nil {
		st.Clock = c.Status()
	}
	return st
}

// playing notes that a begins or ends to play.
func (s *Source) playing(a *attempt, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.playing.Store(on)
	if on {
		s.immediate = 0
		s.live, s.using = a, a.protocol
		return
	}
	s.live = nil
	s.state.unreadable.Add(a.unreadable.Load())
	if stream := a.stream.Load(); stream != nil {
		s.history = sum(s.history, stream.Stats())
		s.history.GOPUnits, s.history.GOPDuration = 0, 0
	}
}

// sum adds the counters of b to a; the GOP is b's.
func sum(a, b rtpdepay.Stats) rtpdepay.Stats {
	for _, f := range []struct {
		to   *uint64
		from uint64
	}{
		{&b.AccessUnits, a.AccessUnits},
		{&b.RandomAccess, a.RandomAccess},
		{&b.DroppedUnits, a.DroppedUnits},
		{&b.Tainted, a.Tainted},
		{&b.Waiting, a.Waiting},
		{&b.Leading, a.Leading},
		{&b.Undecodable, a.Undecodable},
		{&b.Packets, a.Packets},
		{&b.PacketsLost, a.PacketsLost},
		{&b.Late, a.Late},
		{&b.Duplicates, a.Duplicates},
		{&b.Oversized, a.Oversized},
		{&b.NoMemory, a.NoMemory},
		{&b.Discontinuities, a.Discontinuities},
		{&b.MarkerLies, a.MarkerLies},
		{&b.Malformed, a.Malformed},
		{&b.Unsupported, a.Unsupported},
		{&b.Ignored, a.Ignored},
		{&b.BadParameterSets, a.BadParameterSets},
	} {
		*f.to += f.from
	}
	return b
}
