package quota

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/frameport/frameport/api/apierr"
)

// pipes is a listener whose clients come from wherever a test says.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

type pipe struct {
	net.Conn
	from net.Addr
}

func (p pipe) RemoteAddr() net.Addr { return p.from }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Addr() net.Addr { return at("192.0.2.100") }
func (p *pipes) Close() error   { close(p.closed); return nil }

// lobby is a lobby in a bubble.
type lobby struct {
	*Lobby
	t    *testing.T
	in   *pipes
	door net.Listener
	got  chan *Conn
	logs bytes.Buffer
}

func newLobby(t *testing.T, most int, trust func(net.Addr) bool) *lobby {
	l := &lobby{t: t, in: &pipes{make(chan net.Conn), make(chan struct{})}, got: make(chan *Conn, 1)}
	l.Lobby = NewLobby(most, trust, slog.New(slog.NewTextHandler(&l.logs, nil)))
	l.door = l.Listener(l.in)
	go func() {
		for {
			c, err := l.door.Accept()
			if err != nil {
				return
			}
			l.got <- c.(*Conn)
		}
	}()
	return l
}

func never(net.Addr) bool { return false }

// dial connects from a host; c is nil when it was not taken, and gone is closed when the
// server closes it.
func (l *lobby) dial(from string) (c *Conn, gone chan struct{}) {
	client, server := net.Pipe()
	addr := at(from)
	if from == "unix" {
		addr = unixAddr("unix:pid=1,uid=7")
	}
	gone = make(chan struct{})
	l.in.accept <- pipe{server, addr}
	go func() {
		_, _ = io.Copy(io.Discard, client)
		close(gone)
	}()
	synctest.Wait()
	select {
	case c = <-l.got:
		l.t.Cleanup(func() { _ = c.Close() })
	default:
	}
	return c, gone
}

func over(gone chan struct{}) bool {
	synctest.Wait()
	select {
	case <-gone:
		return true
	default:
		return false
	}
}

func (l *lobby) counts(open, waiting, refused int64) {
	l.t.Helper()
	synctest.Wait()
	if l.Open() != open || l.Waiting() != waiting || l.Refused() != refused {
		l.t.Errorf("open %d, waiting %d, refused %d; want %d, %d, %d", l.Open(), l.Waiting(), l.Refused(), open, waiting, refused)
	}
}

// bubble runs a test with its own time; what it opened is closed before it ends.
func bubble(t *testing.T, most int, trust func(net.Addr) bool, test func(t *testing.T, l *lobby)) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t, most, trust)
		t.Cleanup(func() { _ = l.door.Close() })
		test(t, l)
	})
}

// Who does not log in is gone after the time for it; who does, stays.
func TestLoginTime(t *testing.T) {
	bubble(t, 2, never, func(t *testing.T, l *lobby) {
		_, silent := l.dial("192.0.2.1")
		member, stays := l.dial("192.0.2.1")
		if err := member.Admit(stranger("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
		l.counts(2, 1, 0)
		<-time.After(LoginTime - time.Millisecond)
		if over(silent) {
			t.Error("closed too early")
		}
		<-time.After(time.Millisecond)
		if !over(silent) {
			t.Error("still there")
		}
		<-time.After(time.Hour)
		if over(stays) {
			t.Error("the other one is gone")
		}
		l.counts(1, 0, 1)
		if logs := l.logs.String(); !strings.Contains(logs, "no call was let in on it in time") || !strings.Contains(logs, "from=192.0.2.1") {
			t.Errorf("log: %s", logs)
		}
		_ = member.Close()
		_ = member.Close()
		l.counts(0, 0, 1)
		if len(l.used) != 0 {
			t.Errorf("left over: %v", l.used)
		}
	})
}

// A host has so many places for strangers, and this machine has no such bound.
func TestStrangersOfOneHost(t *testing.T) {
	bubble(t, 2, never, func(t *testing.T, l *lobby) {
		for range hostWaiting {
			if c, _ := l.dial("192.0.2.1"); c == nil {
				t.Fatal("refused")
			}
		}
		if c, gone := l.dial("192.0.2.1"); c != nil || !over(gone) {
			t.Error("one too many was taken")
		}
		if c, _ := l.dial("192.0.2.2"); c == nil {
			t.Error("another host was refused")
		}
		for range 100 {
			if c, _ := l.dial("127.0.0.1"); c == nil {
				t.Fatal("a reader of this machine was refused")
			}
		}
		l.counts(hostWaiting+101, hostWaiting+101, 1)
	})
}

// Who shares a host with programs that don't log in gets one of their places, though not
// one of those who may be logging in.
func TestStrangersOfOneHostGiveWay(t *testing.T) {
	bubble(t, 2, never, func(t *testing.T, l *lobby) {
		_, other := l.dial("192.0.2.2")
		var idle []chan struct{}
		for range hostWaiting {
			_, gone := l.dial("192.0.2.1")
			idle = append(idle, gone)
			<-time.After(time.Millisecond)
		}
		if c, _ := l.dial("192.0.2.1"); c != nil {
			t.Error("somebody lost a place at once")
		}
		<-time.After(atOnce - hostWaiting*time.Millisecond)
		c, _ := l.dial("192.0.2.1")
		if c == nil || !over(idle[0]) || over(idle[1]) || over(other) {
			t.Fatal("it is not the eldest of the host that went")
		}
		l.counts(hostWaiting+1, hostWaiting+1, 2)
		if err := c.Admit(stranger("192.0.2.1")); err != nil {
			t.Error(err)
		}
	})
}

// A supervisor that asks on one connection keeps it, as long as it asks; it waits still.
func TestProbes(t *testing.T) {
	bubble(t, 2, never, func(t *testing.T, l *lobby) {
		c, gone := l.dial("192.0.2.1")
		for range 10 {
			c.Probe()
			<-time.After(time.Minute)
			if over(gone) {
				t.Fatal("closed between two looks")
			}
		}
		l.counts(1, 1, 0)
		<-time.After(ProbeTime - time.Minute)
		if !over(gone) {
			t.Error("still there")
		}
		c.Probe() // too late
		member, stays := l.dial("192.0.2.1")
		if err := member.Admit(stranger("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
		member.Probe()
		<-time.After(time.Hour)
		if over(stays) {
			t.Error("a client's probe ended its connection")
		}
	})
}

// Strangers from everywhere take the places from each other, and not from somebody who
// comes and logs in.
func TestStrangersDontLockOut(t *testing.T) {
	bubble(t, 200, never, func(t *testing.T, l *lobby) {
		member := stranger("192.0.2.1")
		var stays []chan struct{}
		for i := range 100 { // as many as there are, on their way
			c, gone := l.dial(fmt.Sprint("10.0.0.", i/hostWaiting+1))
			if c == nil {
				t.Fatal("refused")
			}
			stays = append(stays, gone)
			if err := c.Admit(member); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 4 {
			for host := range 12 {
				for range hostWaiting {
					l.dial(fmt.Sprint("10.0.1.", host+1))
				}
			}
			c, gone := l.dial("192.0.2.1")
			if c == nil {
				t.Fatalf("round %d: a client was refused", round)
			}
			for n := range 400 { // they go on while it logs in, from more and more hosts
				l.dial(fmt.Sprint("10.0.2.", n%40+1))
			}
			if over(gone) {
				t.Fatalf("round %d: a client lost its place before it could log in", round)
			}
			if err := c.Admit(member); err != nil {
				t.Fatal(err)
			}
		}
		for _, gone := range stays {
			if over(gone) {
				t.Fatal("a client lost its place")
			}
		}
		if l.Waiting() > waitingPlaces || l.Open() > Places {
			t.Errorf("%d wait, %d are open", l.Waiting(), l.Open())
		}
		if n := strings.Count(l.logs.String(), "\n"); n > 1 {
			t.Errorf("%d lines in the log within no time", n)
		}
	})
}

// Whoever comes from this machine is the last one that has to go.
func TestThisMachineGoesLast(t *testing.T) {
	bubble(t, 200, never, func(t *testing.T, l *lobby) {
		for range 60 {
			l.dial("127.0.0.1")
		}
		_, operator := l.dial("unix")
		for host := range 250 {
			l.dial(fmt.Sprint("10.0.1.", host+1))
		}
		if over(operator) || l.Waiting() != waitingPlaces {
			t.Errorf("the one at the socket is gone, or %d wait", l.Waiting())
		}
	})
}

// A client has so many connections; one that carries calls of several counts for each.
func TestConnectionsOfAClient(t *testing.T) {
	bubble(t, 2, never, func(t *testing.T, l *lobby) {
		a, b := Caller{key: "entry a"}, Caller{key: "entry b"}
		var conns [3]*Conn
		for i := range conns {
			conns[i], _ = l.dial("192.0.2.1")
		}
		for _, c := range conns[:2] {
			for range 3 {
				if err := c.Admit(a); err != nil {
					t.Fatal(err)
				}
			}
		}
		r := wantRefused(t, conns[2].Admit(a), apierr.TooManyClientConnections)
		if r.Limit != 2 || !conns[2].Waits() || conns[1].Waits() {
			t.Errorf("%+v", r)
		}
		if err := conns[0].Admit(b); err != nil {
			t.Error(err)
		}
		if err := conns[2].Admit(b); err != nil {
			t.Error(err)
		}
		_ = conns[0].Close()
		if err := conns[2].Admit(a); err != nil {
			t.Errorf("after one was closed: %v", err)
		}
		if err := conns[0].Admit(b); err != nil || l.used["entry b"] != 1 {
			t.Errorf("a connection that is gone: %v, %v", err, l.used)
		}
	})
}

// The last places are for operators, and who needs no login does not wait.
func TestReserve(t *testing.T) {
	trust := func(a net.Addr) bool { return near(a) }
	bubble(t, Places, trust, func(t *testing.T, l *lobby) {
		member, boss := Caller{key: "entry a"}, Caller{key: "entry boss", operator: true}
		for range Places - reservedPlaces {
			c, _ := l.dial("192.0.2.1")
			if err := c.Admit(member); err != nil {
				t.Fatal(err)
			}
		}
		c, _ := l.dial("192.0.2.1")
		wantRefused(t, c.Admit(member), apierr.TooManyClientConnections)
		if err := c.Admit(boss); err != nil {
			t.Error(err)
		}
		for range reservedPlaces - 2 {
			c, _ := l.dial("127.0.0.1")
			if c == nil || c.Waits() {
				t.Fatal("a local caller has no place")
			}
			c.Probe() // there is nothing to wait for
			if err := c.Admit(stranger("127.0.0.1")); err != nil {
				t.Error(err)
			}
		}
		_, waits := l.dial("192.0.2.1")
		l.counts(Places, 1, 0)
		if c, _ := l.dial("127.0.0.1"); c == nil || !over(waits) {
			t.Error("somebody without a login kept a place from a local caller")
		}
		l.counts(Places, 0, 1)
		if c, gone := l.dial("127.0.0.1"); c != nil || !over(gone) {
			t.Error("there are more places than places")
		}
		l.counts(Places, 0, 2)
	})
}
