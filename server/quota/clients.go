package quota

import (
	"math"
	"sync"
	"time"

	"github.com/frameport/frameport/api/apierr"
)

// Clients are the accounts of streams and changes.
type Clients struct {
	limits Limits

	mu       sync.Mutex
	accounts map[string]*account
}

// account is what one client has.
type account struct {
	open   int            // streams
	single map[string]int // those that name just one camera, by camera
	named  map[string]int // streams that name a camera, by camera

	changes float64 // that are left, at the time of counted
	counted time.Time
}

// NewClients makes accounts with nothing in them. Limits that are 0 have their defaults.
func NewClients(limits Limits) *Clients {
	limits.EnsureDefaults()
	return &Clients{limits: limits, accounts: map[string]*account{}}
}

// Limits are the limits in force.
func (c *Clients) Limits() Limits { return c.limits }

// Note: [One stream per camera]
//
// A fleet is often read with one stream per camera: a thread for each in Python, a tile
// for each on a wall. That costs little more than one stream of all of them, and a
// limit of 64 would cut it off at the 65th camera for no gain. So the first stream of
// each camera is not counted: what the limit is for are many streams of the same
// cameras, of selectors and of states. Streams are bounded all the same, since a client
// has so many connections with so many calls each.

// Stream opens a stream of the cameras that it names; nil = it chooses by labels, or is
// no stream of frames. end takes it back and may be called more than once. The error is
// a [*Refusal].
func (c *Clients) Stream(who Caller, cameras []string) (end func(), err error) {
	if who.local {
		return func() {}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.account(who.key)
	defer c.settle(who.key, a)
	for _, id := range cameras {
		if a.named[id] >= c.limits.CameraStreams {
			r := refuse(apierr.TooManyClientStreams, c.limits.CameraStreams,
				"this client has %d streams of camera %q open, and this worker allows no more; end those that are not needed, or share one among their readers", a.named[id], id)
			r.Camera = id
			return nil, r
		}
	}
	single := ""
	if len(cameras) == 1 {
		single = cameras[0]
	}
	first := single != "" && a.single[single] == 0
	if counted := a.open - len(a.single); !first && counted >= c.limits.Streams {
		return nil, refuse(apierr.TooManyClientStreams, c.limits.Streams,
			"this client has %d streams open beside the first one of each camera, and this worker allows no more; end those that are not needed, "+
				"or watch several cameras on one stream", counted)
	}
	a.open++
	count(&a.named, cameras, 1)
	if single != "" {
		count(&a.single, cameras, 1)
	}
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		a.open--
		count(&a.named, cameras, -1)
		if single != "" {
			count(&a.single, cameras, -1)
		}
		c.settle(who.key, a)
	}), nil
}

func count(in *map[string]int, ids []string, n int) {
	if *in == nil {
		*in = map[string]int{}
	}
	for _, id := range ids {
		if (*in)[id] += n; (*in)[id] == 0 {
			delete(*in, id)
		}
	}
}

// Change is asked before a camera is added or updated. The error is a [*Refusal] that
// says when to come back. Local callers and the role admin are not counted: who may do
// everything gains nothing from doing it fast.
func (c *Clients) Change(who Caller) error {
	if who.local || who.admin {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	a := c.account(who.key)
	most, perSecond := float64(c.limits.Changes), float64(c.limits.Changes)/60
	if a.counted.IsZero() {
		a.changes = most
	} else {
		a.changes = min(most, a.changes+now.Sub(a.counted).Seconds()*perSecond)
	}
	a.counted = now
	if a.changes < 1 {
		r := refuse(apierr.TooManyChanges, c.limits.Changes,
			"this client adds and updates cameras faster than %d a minute, each of which dials a camera; slow down, or use a token of role admin", c.limits.Changes)
		r.After = time.Duration(math.Ceil((1 - a.changes) / perSecond * float64(time.Second)))
		return r
	}
	a.changes--
	return nil
}

// account finds or makes an account.
func (c *Clients) account(key string) *account {
	a := c.accounts[key]
	if a != nil {
		return a
	}
	if len(c.accounts) >= sweepAt {
		for key, a := range c.accounts {
			c.settle(key, a)
		}
	}
	a = &account{}
	c.accounts[key] = a
	return a
}

// settle forgets an account with nothing in it.
func (c *Clients) settle(key string, a *account) {
	if a.open == 0 && (a.counted.IsZero() || time.Since(a.counted) >= time.Minute) && c.accounts[key] == a {
		delete(c.accounts, key)
	}
}
