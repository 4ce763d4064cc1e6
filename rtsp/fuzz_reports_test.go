package rtsp

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/rtcpunmarshaler"
	"github.com/pion/rtcp"

	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp/clock"
)

// datagrams are packets, each behind its length in two bytes.
func datagrams(packets ...[]byte) (out []byte) {
	for _, p := range packets {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(p))), p...)
	}
	return out
}

// senderReports counts the sender reports of a source in a datagram that is well-formed:
// headers of 8 bytes, each with the length of its packet in words.
func senderReports(b []byte, ssrc uint32) (own, others int) {
	for len(b) >= 8 {
		if b[1] == 200 {
			if binary.BigEndian.Uint32(b[4:]) == ssrc {
				own++
			} else {
				others++
			}
		}
		b = b[min(len(b), 4*(1+int(binary.BigEndian.Uint16(b[2:])))):]
	}
	return own, others
}

// FuzzReports: RTCP datagrams of a camera, read as the library does, into the clock. They
// never move a time stamp of the stream, only what is said of the time of capture, and
// those of other sources do nothing.
func FuzzReports(f *testing.F) {
	const ssrc = 0x1a2b3c4d
	report := func(of uint32, seconds uint64) rtcp.Packet {
		return &rtcp.SenderReport{SSRC: of, NTPTime: (seconds + 2208988800) << 32, RTPTime: 90000 * uint32(seconds), PacketCount: 9, OctetCount: 900}
	}
	name := &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "camera"}}}}}
	for _, compound := range [][]rtcp.Packet{
		{report(ssrc, 1.78e9), name},
		{report(ssrc, 0)},
		{report(7, 1.78e9), report(ssrc, 1.78e9), &rtcp.Goodbye{Sources: []uint32{ssrc}, Reason: "reboot"}},
		{&rtcp.ReceiverReport{SSRC: ssrc, Reports: []rtcp.ReceptionReport{{SSRC: 7}}}},
	} {
		b, err := rtcp.Marshal(compound)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(datagrams(b), true)
		f.Add(datagrams(b, nil, b[:len(b)-3], b), false)
	}
	f.Add(datagrams([]byte("\x81\xc8\x00\x06\x1a\x2b\x3c\x4d\xee\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x01")), true)
	f.Fuzz(func(t *testing.T, b []byte, early bool) {
		a := &attempt{src: &Source{cfg: Config{Logger: slog.New(slog.DiscardHandler)}}, failed: make(chan struct{}, 1)}
		with, without := clock.New(90000), clock.New(90000)
		with.SetMonotone(true)
		without.SetMonotone(true)
		a.clock.Store(with)
		if !early {
			a.follow(ssrc)
		}
		var want uint64
		var waiting bool // an early report of our source, the last one of all
		now, stamp := time.Now(), uint32(5)
		for n := 0; len(b) >= 2; n++ {
			size := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
			packet := b[2 : 2+size]
			b = b[2+size:]
			if packets, err := rtcpunmarshaler.Unmarshal(packet); err == nil {
				own, _ := senderReports(packet, ssrc)
				for _, p := range packets {
					if r, ok := p.(*rtcp.SenderReport); ok && early {
						waiting = r.SSRC == ssrc
					}
					a.onRTCP(p)
				}
				if !early {
					want += uint64(own)
				}
			}
			if n == 2 && early {
				early = false
				a.follow(ssrc)
				if waiting {
					want++
				}
			}
			now, stamp = now.Add(40*time.Millisecond), stamp+3600
			got, jump := with.Times(stamp, now)
			plain, plainJump := without.Times(stamp, now)
			if got.PTS != plain.PTS || jump != plainJump || got.Received != now {
				t.Fatalf("with reports %+v, without them %+v", got, plain)
			}
			if y := got.Capture.Year(); got.CaptureError < 0 || y < 2000 || y > 2100 {
				t.Fatalf("captured at %v, give or take %v", got.Capture, got.CaptureError)
			}
			if got.Source != media.ClockRTCP && (!got.Capture.Equal(now) || got.CaptureError != 0) {
				t.Fatalf("without a report: %+v", got)
			}
		}
		if s := with.Status(); s.Reports != want || s.Rejected > s.Reports || s.Error < 0 {
			t.Fatalf("%d reports of the camera, the clock has seen %+v", want, s)
		}
		if err := a.failureOr(nil); err != nil {
			t.Fatal(err)
		}
	})
}
