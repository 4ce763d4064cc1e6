package camsim

import (
	"encoding/binary"
	"time"
)

// ntpEpoch is 1 January 1900 in Unix time.
const ntpEpoch = -2208988800

// ntp returns a time as the 64-bit NTP timestamp of RFC 3550, 4: seconds since
// 1900 and their fraction in units of 2^-32 s.
func ntp(t time.Time) uint64 {
	seconds := uint64(t.Unix() - ntpEpoch)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}

// senderReport is a compound of a sender report and a CNAME (RFC 3550, 6.4.1).
func senderReport(ssrc uint32, clock time.Time, timestamp uint32, sent senderCount) []byte {
	b := []byte{0x80, 200, 0, 6}
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = binary.BigEndian.AppendUint64(b, ntp(clock))
	b = binary.BigEndian.AppendUint32(b, timestamp)
	b = binary.BigEndian.AppendUint32(b, sent.packets)
	b = binary.BigEndian.AppendUint32(b, sent.bytes)
	b = append(b, 0x81, 202, 0, 3)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	return append(append(b, 1, 5), "fpcam\x00"...)
}

// cameraClock is what the camera's clock shows at a moment.
func (h *Handle) cameraClock(b *Behaviour, t time.Time) time.Time {
	switch b.Report {
	case Report1970:
		return time.Unix(0, 0).Add(t.Sub(h.born))
	case ReportShifted:
		return t.Add(b.ReportOffset)
	default:
		return t
	}
}
