package camsim

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Fault is something wrong that a camera can be told to do by name.
type Fault struct {
	Name string
	Text string // for people
	// Set changes the behaviour; nil = it does not.
	Set func(*Behaviour)
	// Run goes through steps until ctx ends; nil = there are none. On a reboot the
	// whole server goes away and comes back.
	Run func(ctx context.Context, s *Server, h *Handle) error
}

// Faults returns all faults that have a name, by name.
func Faults() []Fault {
	all := slices.Concat(answerFaults(), mediaFaults(), scripts())
	slices.SortFunc(all, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func status(method string, code int) func(*Behaviour) {
	return func(b *Behaviour) { b.Status = map[string]int{method: code} }
}

func answerFaults() []Fault {
	return []Fault{
		{Name: "refuse", Text: "every connection is reset at its first request", Set: func(b *Behaviour) { b.Refuse = true }},
		{Name: "hang", Text: "nothing is answered and nothing is sent, the connection stays", Set: func(b *Behaviour) { b.Hang = true }},
		{Name: "slow-answers", Text: "every answer takes two seconds", Set: func(b *Behaviour) { b.Delay = 2 * time.Second }},
		{Name: "not-found", Text: "DESCRIBE is answered with 404", Set: status("DESCRIBE", 404)},
		{Name: "busy", Text: "DESCRIBE is answered with 503", Set: status("DESCRIBE", 503)},
		{Name: "no-session", Text: "SETUP is answered with 453", Set: status("SETUP", 453)},
		{Name: "odd-status", Text: "SETUP is answered with 999", Set: status("SETUP", 999)},
		{Name: "one-session", Text: "one session at a time; one that is lost lingers for ten seconds", Set: func(b *Behaviour) { b.MaxSessions, b.Linger = 1, 10*time.Second }},
		{Name: "wrong-password", Text: "every login is refused", Set: func(b *Behaviour) { b.RejectLogins = true }},
		{Name: "bare-challenge", Text: "401 without saying how to log in (with a login)", Set: func(b *Behaviour) { b.BareChallenge = true }},
		{Name: "stale-nonce", Text: "a nonce is good for four requests (with a login)", Set: func(b *Behaviour) { b.StaleAfter = 4 }},
		{Name: "no-tcp", Text: "TCP is refused with 461", Set: func(b *Behaviour) { b.NoTCP = true }},
		{Name: "no-udp", Text: "UDP is refused with 461", Set: func(b *Behaviour) { b.NoUDP = true }},
		{Name: "udp-silent", Text: "UDP is taken and nothing comes over it", Set: func(b *Behaviour) { b.UDPSilent = true }},
		{Name: "no-keepalive", Text: "GET_PARAMETER and OPTIONS are not answered", Set: func(b *Behaviour) { b.NoAnswer = []string{"GET_PARAMETER", "OPTIONS"} }},
		{Name: "no-teardown", Text: "TEARDOWN is not answered", Set: func(b *Behaviour) { b.NoAnswer = []string{"TEARDOWN"} }},
		{Name: "line-feeds", Text: "lines end with a line feed alone", Set: func(b *Behaviour) {
			b.Respond = func(_ Request, r *Reply) {
				r.Wire = func(text string) string {
					head, body, _ := strings.Cut(text, "\r\n\r\n")
					return strings.ReplaceAll(head, "\r\n", "\n") + "\n\n" + body
				}
			}
		}},
		{Name: "no-parameter-sets", Text: "the session description has no parameter sets", Set: func(b *Behaviour) { b.SDP = SDPNoParameters }},
		{Name: "bad-parameter-sets", Text: "the session description has parameter sets that can't be read", Set: func(b *Behaviour) { b.SDP = SDPInvalidParameters }},
		{Name: "parameter-sets-once", Text: "parameter sets are in the session description only", Set: func(b *Behaviour) { b.StripParameters = true }},
		{Name: "audio-only", Text: "there is no video track", Set: func(b *Behaviour) { b.SDP = SDPAudioOnly }},
		{Name: "unknown-codec", Text: "the video has a codec that nobody knows", Set: func(b *Behaviour) { b.SDP = SDPUnsupported }},
		{Name: "no-track", Text: "the session description is empty", Set: func(b *Behaviour) { b.SDP = SDPEmpty }},
	}
}

// each changes every packet, with the number of its picture in this session.
func each(f func(n uint64, p *Packet)) func(*Behaviour) {
	return func(b *Behaviour) {
		b.Packets = func(of Picture, list []Packet) []Packet {
			for i := range list {
				f(of.Since, &list[i])
			}
			return list
		}
	}
}

func mediaFaults() []Fault {
	return []Fault{
		{Name: "freeze", Text: "everything is answered and no media is sent", Set: func(b *Behaviour) { b.Freeze = true }},
		{Name: "loss", Text: "one packet in a hundred is lost", Set: func(b *Behaviour) { b.Loss = 0.01 }},
		{Name: "heavy-loss", Text: "three packets in ten are lost", Set: func(b *Behaviour) { b.Loss = 0.3 }},
		{Name: "reorder", Text: "one packet in ten changes places with the next", Set: func(b *Behaviour) { b.Reorder = 0.1 }},
		{Name: "duplicate", Text: "one packet in ten comes twice", Set: func(b *Behaviour) { b.Duplicate = 0.1 }},
		{Name: "jump", Text: "sequence numbers, timestamps and SSRC are others", Set: func(b *Behaviour) { b.SequenceOffset, b.TimestampOffset, b.SSRC = 31000, 1<<31, 1 }},
		{Name: "ssrc-changes", Text: "another SSRC with every 25 pictures", Set: each(func(n uint64, p *Packet) { p.SSRC = uint32(1 + n/25) })},
		{Name: "timestamps-jump", Text: "timestamps go ten hours to and fro", Set: each(func(n uint64, p *Packet) { p.Timestamp += uint32(n/25%2) * 36000 * videoRate })},
		{Name: "timestamps-zero", Text: "all timestamps are zero", Set: each(func(_ uint64, p *Packet) { p.Timestamp = 0 })},
		{Name: "marker-every", Text: "every unit ends with a marker bit", Set: func(b *Behaviour) { b.Marker = MarkerEvery }},
		{Name: "marker-never", Text: "there are no marker bits", Set: func(b *Behaviour) { b.Marker = MarkerNever }},
		{Name: "padding", Text: "packets are padded and extended", Set: each(func(n uint64, p *Packet) {
			p.Padding, p.Extension = int(n%200), []byte{0xBE, 0xDE, 0, 1, 1, 2, 3, 4}
		})},
		{Name: "pictures-missing", Text: "one picture in seven is never sent, without a trace in the packets", Set: func(b *Behaviour) {
			b.Packets = func(of Picture, list []Packet) []Packet {
				if of.Since%7 == 3 && !of.Key {
					return nil
				}
				return list
			}
		}},
		{Name: "bit-flips", Text: "one packet in three has flipped bits", Set: func(b *Behaviour) {
			dice := rand.New(rand.NewPCG(b.Seed, 1))
			b.Packets = func(_ Picture, list []Packet) []Packet {
				for i := range list {
					if n := len(list[i].Payload); n > 40 && dice.IntN(3) == 0 {
						list[i].Payload = slices.Clone(list[i].Payload)
						list[i].Payload[20+dice.IntN(n-20)] ^= byte(1 + dice.IntN(255))
					}
				}
				return list
			}
		}},
		{Name: "huge-picture", Text: "parameter sets ask for 16384x16384", Set: func(b *Behaviour) { b.HugePicture = true }},
		{Name: "no-reports", Text: "there are no sender reports", Set: func(b *Behaviour) { b.Report = ReportNone }},
		{Name: "clock-1970", Text: "the camera's clock began in 1970", Set: func(b *Behaviour) { b.Report = Report1970 }},
		{Name: "bad-rtcp", Text: "sender reports are cut off", Set: func(b *Behaviour) {
			b.Reports = func(report []byte) [][]byte { return [][]byte{{}, {0x80}, report[:7]} }
		}},
	}
}

// scripts are faults in steps.
func scripts() []Fault {
	return []Fault{
		{Name: "resets", Text: "all connections are reset every ten seconds", Run: func(ctx context.Context, _ *Server, h *Handle) error {
			for sleep(ctx, 10*time.Second) {
				h.Drop(DropRST)
			}
			return nil
		}},
		{Name: "clock-steps", Text: "the camera's clock steps by an hour every ten seconds", Run: func(ctx context.Context, _ *Server, h *Handle) error {
			for n := time.Duration(1); sleep(ctx, 10*time.Second); n++ {
				h.Set(func(b *Behaviour) { b.Report, b.ReportOffset = ReportShifted, n%3*time.Hour })
			}
			return nil
		}},
		{Name: "freezes", Text: "ten seconds of media, ten without", Run: func(ctx context.Context, _ *Server, h *Handle) error {
			for sleep(ctx, 10*time.Second) {
				h.Set(func(b *Behaviour) { b.Freeze = !b.Freeze })
			}
			return nil
		}},
		{Name: "reboot", Text: "good for twenty seconds, off for five, then 404 and 503 for two each", Run: func(ctx context.Context, s *Server, h *Handle) error {
			for sleep(ctx, 20*time.Second) {
				if err := s.SetListening(false); err != nil {
					return err
				}
				sleep(ctx, 5*time.Second)
				for _, code := range []int{404, 503} {
					h.Set(status("", code))
					if err := s.SetListening(true); err != nil {
						return err
					}
					sleep(ctx, 2*time.Second)
				}
				h.Set(func(b *Behaviour) { b.Status = nil })
			}
			return nil
		}},
	}
}

// sleep waits, and returns false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
