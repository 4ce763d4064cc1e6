package quota

import (
	"net"
	"slices"
	"time"

	"github.com/frameport/frameport/api/apierr"
)

// Conn is a connection with a place.
type Conn struct {
	net.Conn
	door *door
	host string
	near bool
	came time.Time

	// What follows is under the door's lock.
	waits   bool // for its first call
	left    bool // its place
	timer   *time.Timer
	callers []string // who has made calls on it
}

// Admit is asked when a call on the connection was let in. The error is a [*Refusal];
// the connection goes on waiting then, if it did. A connection may carry calls of
// several clients, as that of a proxy does, and counts for each.
func (c *Conn) Admit(who Caller) error {
	d := c.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.left || slices.Contains(c.callers, who.key) {
		return nil
	}
	if used := d.open - len(d.waiting); c.waits && !who.operator && used >= Places-reservedPlaces {
		return refuse(apierr.TooManyClientConnections, used,
			"all %d connections that this worker has for clients are in use; try again later, or on a unix socket", used)
	}
	if err := d.lobby.use(who); err != nil {
		return err
	}
	c.callers = append(c.callers, who.key)
	d.stopWaiting(c)
	return nil
}

// Probe notes a call that needs no login, which is a supervisor's. The connection goes on
// waiting, and gives way like the others, but may do so for [ProbeTime].
func (c *Conn) Probe() {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	if c.waits {
		c.timer.Reset(ProbeTime)
	}
}

// Waits says whether nobody has made a call on the connection yet that was let in.
func (c *Conn) Waits() bool {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	return c.waits
}

// expire closes the connection if it still waits.
func (c *Conn) expire() {
	c.door.mu.Lock()
	waited := c.waits
	if waited {
		c.door.leave(c)
	}
	c.door.mu.Unlock()
	if waited {
		c.door.lobby.note(c.RemoteAddr(), "no call was let in on it in time")
		_ = c.Conn.Close()
	}
}

// Close implements [net.Conn].
func (c *Conn) Close() error {
	c.door.mu.Lock()
	c.door.leave(c)
	c.door.mu.Unlock()
	return c.Conn.Close()
}
