package camsim

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// A silent connection stays, and nothing comes over it; another one is good.
func TestDropSilent(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red")})
	c := dial(t, h)
	c.play()
	c.video()
	h.Drop(DropSilent)
	c.send("TEARDOWN", c.url)
	second := dial(t, h)
	second.play()
	units := h.Stats().Units
	for h.Stats().Units < units+5 {
		second.unit()
	}
	if n := h.Stats(); n.OpenSessions != 2 || n.Teardowns != 0 {
		t.Errorf("%+v", n)
	}
	// What was on its way comes, and then nothing: no end, no answer.
	if err := c.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		first, err := c.r.Peek(1)
		if err == nil && first[0] == '$' {
			_, err = c.frame()
		}
		if timeout, is := errors.AsType[interface {
			error
			Timeout() bool
		}](err); is && timeout.Timeout() {
			break
		}
		if err != nil || first[0] != '$' {
			t.Fatalf("%q, %v", first, err)
		}
	}
	if err := c.conn.Close(); err != nil {
		t.Fatal(err)
	}
	for h.Stats().OpenSessions != 1 {
		runtime.Gosched()
	}
}

func TestDropWithinPacket(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red")})
	c := dial(t, h)
	c.play()
	c.video()
	h.Drop(DropWithinPacket)
	for {
		_, err := c.frame()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if err != nil {
			t.Fatalf("the end is not within a packet: %v", err)
		}
	}
}

func TestCutBody(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Behaviour: Behaviour{Respond: func(q Request, r *Reply) {
		if q.Method == "DESCRIBE" {
			r.CutBody = 10
		}
	}}})
	c := dial(t, h)
	c.send("DESCRIBE", c.url)
	text, err := io.ReadAll(c.r)
	head, body, _ := strings.Cut(string(text), "\r\n\r\n")
	if err != nil || len(body) != 10 || !strings.Contains(head, "Content-Length") {
		t.Errorf("%q and %q, %v", head, body, err)
	}
}

func TestNonceLife(t *testing.T) {
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red"), Username: "u", Password: "p"})
	c := dial(t, h)
	login := func(a *answer) { c.auth = digest(a.header.Get("Www-Authenticate"), "u", "p", hexMD5) }
	login(c.do(401, "DESCRIBE", c.url))
	c.do(200, "DESCRIBE", c.url)
	h.Set(func(b *Behaviour) { b.NonceLife = time.Nanosecond })
	stale := c.do(401, "DESCRIBE", c.url)
	if !strings.Contains(stale.header.Get("Www-Authenticate"), "stale=true") {
		t.Errorf("challenge %q", stale.header)
	}
	login(stale)
	h.Set(func(b *Behaviour) { b.NonceLife = time.Hour })
	c.do(200, "DESCRIBE", c.url)
	if n := h.Stats().FailedLogins; n != 0 {
		t.Errorf("%d failed logins", n)
	}
}

func TestReboots(t *testing.T) {
	all := Reboots(50, 1)
	if !slices.Equal(all, Reboots(50, 1)) || slices.Equal(all, Reboots(50, 2)) {
		t.Error("a seed does not decide what comes")
	}
	for _, r := range all {
		if r.Off < 5*time.Second || r.Off > time.Minute || r.Status != 404 && r.Status != 503 {
			t.Errorf("%+v", r)
		}
	}
	s := start(t, Config{})
	h := add(t, s, "cam", Camera{Clip: load(t, "color_red")})
	c := dial(t, h)
	c.play()
	began := time.Now()
	ready, err := Reboot{Off: time.Millisecond, Starting: time.Millisecond, Status: 503}.Play(t.Context(), s, h)
	if err != nil || ready.Before(began.Add(2*time.Millisecond)) {
		t.Errorf("ready after %v, %v", ready.Sub(began), err)
	}
	for err = nil; err == nil; {
		_, err = c.frame()
	}
	dial(t, h).play()
	// One that is interrupted leaves a good camera behind.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Reboot{Off: time.Hour, Starting: time.Hour, Status: 404}).Play(ctx, s, h); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	dial(t, h).play()
}
