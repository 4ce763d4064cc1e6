package camsim

import "time"

// audioPacket is the time one packet of PCMU holds: 160 samples.
const audioPacket = 20 * time.Millisecond

// audioClock says which audio packets are due.
type audioClock struct{ next time.Time }

func (a *audioClock) begin(at time.Time) { a.next = at }

// packets returns the moments of the packets due by now.
func (a *audioClock) packets(now time.Time) []time.Time {
	var out []time.Time
	for !a.next.After(now) {
		out = append(out, a.next)
		a.next = a.next.Add(audioPacket)
	}
	return out
}

// tone is 20 ms of 400 Hz in µ-law: eight cycles, so that packets join smoothly.
func tone() []byte {
	cycle := [20]byte{
		0xFF, 0xB5, 0xA8, 0xA1, 0x9E, 0x9D, 0x9E, 0xA1, 0xA8, 0xB5,
		0x7F, 0x35, 0x28, 0x21, 0x1E, 0x1D, 0x1E, 0x21, 0x28, 0x35,
	}
	out := make([]byte, 0, 160)
	for range 8 {
		out = append(out, cycle[:]...)
	}
	return out
}

// audio adds the audio packets that are due; the caller holds h.mu.
func (s *stream) audio(out *batch, b *Behaviour, due time.Time) {
	h := s.h
	sound := tone()
	for _, at := range s.tone.packets(due) {
		out.addRTP(trackAudio, rtp{
			payloadType: payloadPCMU, sequence: h.sequence[trackAudio] + b.SequenceOffset,
			timestamp: h.timestamp(at, audioRate) + b.TimestampOffset, ssrc: h.ssrc[trackAudio],
		}, sound)
		h.sequence[trackAudio]++
		h.sent[trackAudio].packets++
		h.sent[trackAudio].bytes += uint32(len(sound))
	}
}
