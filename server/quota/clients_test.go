package quota

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }

type unixAddr string

func (unixAddr) Network() string  { return "unix" }
func (a unixAddr) String() string { return string(a) }

// stranger is a host without a login.
func stranger(ip string) Caller { return CallerOf(auth.Trusted("anonymous"), at(ip)) }

func wantRefused(t *testing.T, err error, reason apierr.Reason) *Refusal {
	t.Helper()
	r, ok := errors.AsType[*Refusal](err)
	if !ok || r.Reason != reason {
		t.Fatalf("%v, want %s", err, reason)
	}
	return r
}

func TestWhoseAccount(t *testing.T) {
	keys, err := auth.OpenKeys(authtest.File(t, "tokens:\n- {name: a, role: control, hash: "+authtest.Hash("a")+"}\n- {name: b, role: admin, hash: "+authtest.Hash("b")+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	token := func(name string) *auth.Identity {
		id, err := (&auth.Gate{Keys: keys}).Authenticate(auth.Evidence{Token: secret.New(name)})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	nobody := auth.Trusted("anonymous")
	for _, c := range []struct {
		id   *auth.Identity
		addr net.Addr
		want Caller
	}{
		{token("a"), at("192.0.2.1"), Caller{key: "entry a"}},
		{token("a"), at("127.0.0.1"), Caller{key: "entry a"}}, // a token is a token, wherever it is
		{token("b"), at("192.0.2.1"), Caller{key: "entry b", operator: true, admin: true}},
		{nobody, at("192.0.2.1"), Caller{key: "host 192.0.2.1"}},
		{nobody, at("::ffff:192.0.2.1"), Caller{key: "host 192.0.2.1"}},
		{nobody, at("2001:db8:1:2:3::4"), Caller{key: "host 2001:db8:1:2::/64"}},
		{nobody, at("127.0.0.1"), Caller{key: "local", local: true, operator: true, admin: true}},
		{nobody, at("::1"), Caller{key: "local", local: true, operator: true, admin: true}},
		{auth.Trusted("local"), unixAddr("unix:pid=1,uid=7"), Caller{key: "local", local: true, operator: true, admin: true}},
		{token("a"), unixAddr("unix:pid=1,uid=7"), Caller{key: "entry a"}},
	} {
		if got := CallerOf(c.id, c.addr); got != c.want {
			t.Errorf("%s from %s: %+v, want %+v", c.id.Name(), c.addr, got, c.want)
		}
	}
	for addr, want := range map[net.Addr]string{unixAddr("unix:pid=1,uid=7"): "uid 7", unixAddr("unix"): "unix", &net.TCPAddr{}: "invalid IP"} {
		if got := hostOf(addr); got != want {
			t.Errorf("%v is host %q, want %q", addr, got, want)
		}
	}
}

// One stream of each of many cameras is not what the limit is for; a second one is.
func TestStreams(t *testing.T) {
	c := NewClients(Limits{Streams: 3, CameraStreams: 2})
	who, other := stranger("192.0.2.1"), stranger("192.0.2.2")
	var ends []func()
	open := func(who Caller, cameras ...string) error {
		end, err := c.Stream(who, cameras)
		if err == nil {
			ends = append(ends, end)
		}
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 {
		must(open(who, fmt.Sprint("camera-", i)))
	}
	must(open(who, "camera-0")) // 1 of 3
	r := wantRefused(t, open(who, "camera-0"), apierr.TooManyClientStreams)
	if r.Camera != "camera-0" || r.Limit != 2 || !strings.Contains(r.Error(), "end those that are not needed") {
		t.Errorf("%+v", r)
	}
	r = wantRefused(t, open(who, "camera-1", "camera-0"), apierr.TooManyClientStreams)
	if r.Camera != "camera-0" {
		t.Errorf("a stream of several: %+v", r)
	}
	must(open(who))                         // 2 of 3: labels, or states
	must(open(who, "camera-1", "camera-2")) // 3 of 3
	if r = wantRefused(t, open(who), apierr.TooManyClientStreams); r.Camera != "" || r.Limit != 3 {
		t.Errorf("%+v", r)
	}
	wantRefused(t, open(who, "camera-3"), apierr.TooManyClientStreams)
	must(open(who, "camera-200")) // the first one of another camera
	must(open(other))             // somebody else
	ends[0]()
	ends[0]() // once is enough
	// camera-0 has one left, which is its first now, so one more may be opened.
	must(open(who))
	wantRefused(t, open(who), apierr.TooManyClientStreams)
	for _, end := range ends {
		end()
	}
	if len(c.accounts) != 0 {
		t.Errorf("left over: %v", c.accounts)
	}
	local := stranger("127.0.0.1")
	for range 1000 {
		must(open(local, "camera-0"))
	}
	if len(c.accounts) != 0 {
		t.Error("local callers have an account")
	}
}

func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClients(Limits{Changes: 60})
		who := stranger("192.0.2.1")
		for range 60 {
			if err := c.Change(who); err != nil {
				t.Fatal(err)
			}
		}
		r := wantRefused(t, c.Change(who), apierr.TooManyChanges)
		if r.After <= 0 || r.After > time.Second {
			t.Errorf("come back after %v", r.After)
		}
		if err := c.Change(stranger("192.0.2.2")); err != nil {
			t.Error(err)
		}
		time.Sleep(r.After) // in the bubble
		if err := c.Change(who); err != nil {
			t.Error(err)
		}
		wantRefused(t, c.Change(who), apierr.TooManyChanges)
		for _, free := range []Caller{stranger("127.0.0.1"), {key: "entry boss", admin: true}} {
			for range 1000 {
				if err := c.Change(free); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Hour) // no more than a minute's worth is saved up
		for range 60 {
			if err := c.Change(who); err != nil {
				t.Fatal(err)
			}
		}
		wantRefused(t, c.Change(who), apierr.TooManyChanges)
	})
}

// Hosts that come once and never again are forgotten.
func TestAccountsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClients(Limits{})
		for i := range 10 * sweepAt {
			if err := c.Change(stranger(fmt.Sprintf("10.%d.%d.1", i>>8, i&255))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(c.accounts); n > sweepAt {
			t.Errorf("%d accounts", n)
		}
	})
}
