package rtsp

import (
	"errors"
	"fmt"
	"time"
)

// Timeouts bound every step of a connection. A zero field takes its default.
type Timeouts struct {
	// Dial is for one TCP (and TLS) connection, name look-up included. Default 5 s.
	Dial time.Duration
	// Response is for the answer to one request. Default 5 s.
	Response time.Duration
	// Handshake is for one connection, from its dial to the answer to PLAY. Default 15 s.
	Handshake time.Duration
	// UDPStart is how long TransportAuto waits for the first UDP packet. Default 3 s.
	UDPStart time.Duration
	// UDPWhole is how long TransportAuto bears to get nothing but incomplete pictures over
	// UDP. Default 6 s.
	UDPWhole time.Duration
	// Bytes is how long a playing camera may send no media packet. Slow streams
	// get three times their usual distance between pictures. Default 4.5 s, so that
	// with the watchdog's own delay a frozen camera is noticed within 5 s.
	Bytes time.Duration
	// Units is how long packets may arrive that make up no picture at all. It is
	// stretched like Bytes. Default 5 s.
	Units time.Duration
	// Teardown is for saying goodbye, however the connection ends. Default 1 s.
	Teardown time.Duration
	// User is TCP_USER_TIMEOUT: how long sent data may go unacknowledged before the
	// kernel gives the connection up. Default 10 s.
	User time.Duration
}

// EnsureDefaults fills the fields that are zero.
func (t *Timeouts) EnsureDefaults() {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Dial, 5 * time.Second},
		{&t.Response, 5 * time.Second},
		{&t.Handshake, 15 * time.Second},
		{&t.UDPStart, 3 * time.Second},
		{&t.UDPWhole, 6 * time.Second},
		{&t.Bytes, 4500 * time.Millisecond},
		{&t.Units, 5 * time.Second},
		{&t.Teardown, time.Second},
		{&t.User, 10 * time.Second},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
}

func (t *Timeouts) validate() error {
	var problems []error
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"dial", t.Dial},
		{"response", t.Response},
		{"handshake", t.Handshake},
		{"udp_start", t.UDPStart},
		{"udp_whole", t.UDPWhole},
		{"bytes", t.Bytes},
		{"units", t.Units},
		{"teardown", t.Teardown},
		{"user", t.User},
	} {
		if f.value < 0 {
			problems = append(problems, fmt.Errorf("rtsp: timeout %s is negative: use a positive duration or 0 for the default", f.name))
		}
	}
	return errors.Join(problems...)
}

// tick is how often the watchdogs look: often enough to be at most a fifth late.
func (t *Timeouts) tick() time.Duration {
	return min(max(min(t.Bytes, t.Units, t.UDPStart)/10, 5*time.Millisecond), 500*time.Millisecond)
}
