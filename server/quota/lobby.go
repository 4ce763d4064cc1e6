package quota

import (
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/api/apierr"
)

// Lobby keeps the connections of one server.
type Lobby struct {
	most  int // connections of one client
	trust func(net.Addr) bool
	log   *slog.Logger

	open, waiting, refused atomic.Int64

	mu     sync.Mutex
	used   map[string]int // connections that a client has made calls on, by key
	silent int            // refused since the last line in the log
	logged time.Time
}

// Note: [Places for strangers]
//
// A connection costs a descriptor, some buffers and a place of its listener, whoever
// makes it: who it is is known with the first call. So a connection waits in a place for
// strangers until it has made a call that was let in. It may wait for [LoginTime], at
// most half of the places are for waiting, and 16 of them for one host. When they are
// taken, the host that has most of them loses the one that has waited longest: a client
// that comes from another host and logs in as clients do, within a second, does not
// notice. A host that has 16 loses one of its own, so that one idle program can't keep
// out all who share an address with it; but not one that came within this second: of
// many that come at once, as from a proxy, 16 get through and not none. Places that are
// taken by clients are not taken away from them.
//
// Calls that need no login are those of supervisors, who ask every few seconds on one
// connection: after each it may wait for [ProbeTime]. That gives nothing away, since who
// waits can come back all the time as well.
//
// Connections from this machine are not counted by host: a hundred readers may start
// there at once, and who is on the machine has other means anyway. Where this machine
// needs no login, they don't wait at all.

// NewLobby makes a lobby whose clients may use so many connections each. trust says
// which addresses need no login.
func NewLobby(most int, trust func(net.Addr) bool, log *slog.Logger) *Lobby {
	return &Lobby{most: most, trust: trust, log: log, used: map[string]int{}}
}

// Listener makes a listener whose connections are of type [*Conn]. Each has places of
// its own.
func (l *Lobby) Listener(lis net.Listener) net.Listener {
	return &door{Listener: lis, lobby: l, hosts: map[string]int{}}
}

// Open is how many connections there are.
func (l *Lobby) Open() int64 { return l.open.Load() }

// Waiting is how many of them have not made a call yet that was let in.
func (l *Lobby) Waiting() int64 { return l.waiting.Load() }

// Refused is how many connections were closed because there was no place for them, or
// they did not make a call in time.
func (l *Lobby) Refused() int64 { return l.refused.Load() }

// note counts a connection that is closed, and logs at most one a second.
func (l *Lobby) note(from net.Addr, why string) {
	l.refused.Add(1)
	l.mu.Lock()
	l.silent++
	n, now := 0, time.Now()
	if now.Sub(l.logged) >= logEvery {
		n, l.silent, l.logged = l.silent, 0, now
	}
	l.mu.Unlock()
	if n > 0 {
		l.log.Warn("connection closed", "from", from.String(), "reason", why, "since_last", n)
	}
}

// door is one listener.
type door struct {
	net.Listener
	lobby *Lobby

	mu      sync.Mutex
	open    int
	waiting []*Conn        // the first one has waited longest
	hosts   map[string]int // of waiting
}

// Accept implements [net.Listener]. It does not wait for a place: who finds none is
// closed, or somebody who has not logged in.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &Conn{Conn: conn, door: d, host: hostOf(conn.RemoteAddr()), near: near(conn.RemoteAddr()), came: time.Now()}
		gone, why := d.take(c)
		if gone != nil {
			d.lobby.note(gone.RemoteAddr(), why)
			_ = gone.Conn.Close()
		}
		if gone != c {
			return c, nil
		}
	}
}

// take gives c a place, and returns who has to go for it: nobody, another one, or c.
func (d *door) take(c *Conn) (gone *Conn, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !c.near && d.hosts[c.host] >= hostWaiting {
		why = "too many connections of its host wait for their first call"
		if gone = d.eldest(c.host); c.came.Sub(gone.came) < atOnce {
			return c, why
		}
		d.leave(gone)
	}
	trusted := d.lobby.trust(c.RemoteAddr())
	if d.open >= Places || !trusted && len(d.waiting) >= waitingPlaces {
		if gone = d.victim(); gone == nil {
			return c, "all connections of this listener are in use"
		}
		d.leave(gone)
		why = "others need the place, and it has not made a call yet"
	}
	d.open++
	d.lobby.open.Add(1)
	if trusted {
		return gone, why
	}
	c.waits = true
	d.waiting = append(d.waiting, c)
	d.hosts[c.host]++
	d.lobby.waiting.Add(1)
	c.timer = time.AfterFunc(LoginTime, c.expire)
	return gone, why
}

// victim is who has waited longest of the host with most of those that wait; nil =
// nobody waits. This machine comes last.
func (d *door) victim() (found *Conn) {
	for _, c := range d.waiting {
		switch {
		case found == nil, found.near && !c.near, found.near == c.near && d.hosts[c.host] > d.hosts[found.host]:
			found = c
		}
	}
	return found
}

// eldest is who has waited longest of a host, of which somebody waits.
func (d *door) eldest(host string) *Conn {
	return d.waiting[slices.IndexFunc(d.waiting, func(c *Conn) bool { return c.host == host })]
}

// leave takes a connection's place from it. It may be called more than once.
func (d *door) leave(c *Conn) {
	if c.left {
		return
	}
	c.left = true
	d.open--
	d.lobby.open.Add(-1)
	d.stopWaiting(c)
	d.lobby.forget(c.callers)
}

func (d *door) stopWaiting(c *Conn) {
	if !c.waits {
		return
	}
	c.waits = false
	c.timer.Stop()
	d.waiting = slices.DeleteFunc(d.waiting, func(w *Conn) bool { return w == c })
	if d.hosts[c.host]--; d.hosts[c.host] == 0 {
		delete(d.hosts, c.host)
	}
	d.lobby.waiting.Add(-1)
}

// use notes that a client uses one more connection, unless it has too many.
func (l *Lobby) use(who Caller) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.used[who.key]; n >= l.most && !who.local {
		return refuse(apierr.TooManyClientConnections, l.most,
			"this client uses %d other connections, and this worker allows no more; close those that are not needed, or make more calls on each", n)
	}
	l.used[who.key]++
	return nil
}

func (l *Lobby) forget(callers []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range callers {
		if l.used[key]--; l.used[key] == 0 {
			delete(l.used, key)
		}
	}
}
