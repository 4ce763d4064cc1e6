//go:build cgo

package faults

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/rtsp"
)

const small = "color_bars_bt709" // 320x240, a key frame every five pictures

func guarded(schemes camsim.AuthScheme) camsim.Camera {
	return camsim.Camera{Username: canaryUser, Password: canaryPassword, Auth: schemes}
}

// Every set of methods that a camera can offer.
func row1(s *Scene) {
	const all = camsim.AuthBasic | camsim.AuthDigestMD5 | camsim.AuthDigestSHA256
	var victims []*Victim
	for schemes := camsim.AuthBasic; schemes <= all; schemes++ {
		victims = append(victims, s.Add(s.Sim(nil, small, guarded(schemes)), Login(canaryUser, canaryPassword), small))
	}
	for i, v := range victims {
		v.Runs()
		schemes := camsim.AuthScheme(i + 1)
		n := v.Sim.Stats()
		if inClear := n.BasicLogins > 0; inClear != (schemes == camsim.AuthBasic) || n.FailedLogins != 0 {
			s.Errorf("methods %b: %+v", schemes, n)
		}
	}
}

// A nonce that is good for the handshake alone, so that each keepalive meets a new one.
func row2(s *Scene) {
	c := guarded(camsim.AuthDigestMD5)
	c.Timeout, c.Behaviour.StaleAfter = 4*time.Second, 4
	v := s.Add(s.Sim(nil, small, c), Login(canaryUser, canaryPassword), small)
	first := v.Runs()
	for range 2 {
		first = v.Back(first)
	}
	now := v.Now()
	if n := v.Sim.Stats(); n.FailedLogins != 0 || now.LastFault.Class == fault.Auth && now.LastFault.Count > 1 || v.Entered(camera.StateFailed) > 0 {
		s.Errorf("counted as refusals: %+v, %+v", n, now.LastFault)
	}
}

// Two cameras of one recorder have a wrong password. One is corrected.
func row3(s *Scene) {
	host := s.Host(camsim.Config{})
	var victims []*Victim
	for range 3 {
		victims = append(victims, s.Add(s.Sim(host, small, guarded(0)), Login(canaryUser, "c4n4ry but wrong"), small))
	}
	failed := func() (n uint64) {
		for _, v := range victims {
			n += v.Sim.Stats().FailedLogins
		}
		return n
	}
	for _, v := range victims {
		snap := v.Until("minutes of silence", func(c camera.Snapshot) bool {
			return c.State == camera.StateFailed && c.Fault.Class == fault.Auth && time.Until(c.Fault.NextAttempt) > time.Minute
		})
		if !strings.Contains(snap.Fault.Message, "password") && !strings.Contains(snap.Fault.Message, "login") {
			s.Errorf("the message does not help: %s", snap.Fault.Message)
		}
	}
	if n := failed(); n == 0 || n > 2 { // the third is kept for the corrected one
		s.Errorf("%d wrong logins", n)
	}
	v := victims[1]
	spec := v.Now().Spec
	spec.Password = secret.New(canaryPassword)
	if _, err := s.Worker.Manager.Update(context.Background(), v.ID, func(config.Camera) (config.Camera, error) { return spec, nil }); err != nil {
		s.Fatal(err)
	}
	v.Runs()
}

// Every request of the session is checked, as camsim does.
func row4(s *Scene) {
	c := guarded(camsim.AuthDigestMD5)
	c.Timeout = 4 * time.Second
	v := s.Add(s.Sim(nil, small, c), Login(canaryUser, canaryPassword), small)
	first := v.Runs()
	s.Wait("keepalives", func() bool { return v.Sim.Stats().Keepalives >= 3 })
	v.Shows(3)
	v.Steady(first)
	v.Remove()
	if n := v.Sim.Stats(); n.Teardowns != 1 || n.FailedLogins != 0 {
		s.Errorf("%+v", n)
	}
}

// No challenge at all, and two that mean nothing.
func row5(s *Scene) {
	for _, challenge := range []string{"", "WWW-Authenticate: Bogus", `WWW-Authenticate: Digest realm="x`, `WWW-Authenticate: Digest realm="x", nonce="1", algorithm="MD4"`} {
		c := guarded(camsim.AuthDigestMD5)
		c.Behaviour.Respond = func(_ camsim.Request, r *camsim.Reply) {
			if r.Status == 401 {
				r.Header = nil
				if challenge != "" {
					r.Header = []string{challenge}
				}
			}
		}
		v := s.Add(s.Sim(nil, small, c), Login(canaryUser, canaryPassword))
		snap := v.Until("class auth, tried slowly", func(c camera.Snapshot) bool {
			return c.State == camera.StateFailed && c.Fault.Class == fault.Auth && time.Until(c.Fault.NextAttempt) > time.Minute
		})
		if n := v.Sim.Stats(); n.FailedLogins != 0 || snap.Counters.ConnectAttempts > 3 {
			s.Errorf("%q: %+v, %d attempts", challenge, n, snap.Counters.ConnectAttempts)
		}
	}
}

// All of ASCII and beyond, in fields and within a URL.
func row6(s *Scene) {
	var ascii strings.Builder
	for r := ' '; r < 0x7f; r++ {
		ascii.WriteRune(r)
	}
	var victims []*Victim
	for _, p := range []string{ascii.String(), "pässwörd€", "a%40b", "a@b:c/d?e#f", "%", `"quoted"\`} {
		password := canaryPassword + p
		h := s.Sim(nil, small, camsim.Camera{Username: canaryUser, Password: password, Auth: camsim.AuthDigestMD5})
		inURL := strings.Replace(h.URL(), "://", "://"+url.UserPassword(canaryUser, password).String()+"@", 1)
		victims = append(victims, s.Add(h, Login(canaryUser, password), small))
		if _, info, err := rtsp.ParseURL(inURL); err != nil || info.Password.Reveal() != password {
			s.Errorf("%q as part of a URL: %v", password, err)
		}
	}
	for _, v := range victims {
		v.Runs()
		if n := v.Sim.Stats().FailedLogins; n != 0 {
			s.Errorf("%s: %d refused", v.ID, n)
		}
	}
}

// An empty password is one; none is not.
func row7(s *Scene) {
	empty := s.Sim(nil, small, camsim.Camera{Username: canaryUser, Auth: camsim.AuthBasic})
	with := s.Add(empty, Login(canaryUser, ""), small)
	with.Runs()
	none := s.Add(s.Sim(nil, small, guarded(camsim.AuthDigestMD5)), nil)
	snap := none.Fails(camera.StateFailed, fault.Auth)
	if !strings.Contains(snap.Fault.Message, "none is set") {
		s.Errorf("the message does not say that there is no login: %s", snap.Fault.Message)
	}
	if n := none.Sim.Stats(); n.FailedLogins != 0 || with.Sim.Stats().FailedLogins != 0 {
		s.Errorf("%+v", n)
	}
}

// header replaces a header of an answer, or adds it.
func header(r *camsim.Reply, name, value string) {
	for i, h := range r.Header {
		if strings.HasPrefix(strings.ToLower(h), strings.ToLower(name)+":") {
			r.Header[i] = name + ": " + value
			return
		}
	}
	r.Header = append(r.Header, name+": "+value)
}

// base makes a camera answer DESCRIBE with that Content-Base.
func base(value string) camsim.Camera {
	return camsim.Camera{Behaviour: camsim.Behaviour{Respond: func(q camsim.Request, r *camsim.Reply) {
		if q.Method == "DESCRIBE" && r.Status == 200 {
			header(r, "Content-Base", value)
		}
	}}}
}

// The loopback of IPv6, and an IPv4 address written as one of IPv6 without brackets.
func row8(s *Scene) {
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		_ = l.Close()
		six := s.Add(s.Sim(s.Host(camsim.Config{Addr: "[::1]:0"}), small, camsim.Camera{}), nil, small)
		six.Runs()
	} else {
		s.Logf("this machine has no IPv6: %v", err)
	}
	for _, value := range []string{"rtsp://::ffff:192.168.1.12/cam0/", "rtsp://[::ffff:192.168.1.12/cam0/", "rtsp://fe80::1%eth0/cam0/"} {
		s.Victim(small, base(value)).Runs()
	}
}

// Addresses that lead to other hosts, other ports and nowhere. 192.0.2.1 is of a
// network that does not exist.
func row9(s *Scene) {
	for _, value := range []string{
		"rtsp://192.0.2.1/%s/", "rtsp://192.0.2.1:8554/%s", "rtsp://%s", "rtsp://rtsp://192.0.2.1/%s/", "//192.0.2.1/%s/", "", "/%s/", "rtsp:/%s", "http://x y/",
	} {
		host := s.Host(camsim.Config{})
		h := s.Sim(host, small, camsim.Camera{})
		path := h.URL()[strings.LastIndex(h.URL(), "/")+1:]
		h.Set(func(b *camsim.Behaviour) {
			b.Respond = base(strings.ReplaceAll(value, "%s", path)).Behaviour.Respond
		})
		v := s.Add(h, nil, small)
		v.Runs()
		if n := host.Stats().Accepted; n != 1 {
			s.Errorf("Content-Base %q: %d connections", value, n)
		}
	}
}

// One redirect on the host, and one away from it.
func row10(s *Scene) {
	host := s.Host(camsim.Config{})
	to := s.Sim(host, small, camsim.Camera{})
	from := s.Sim(host, small, camsim.Camera{Behaviour: camsim.Behaviour{RedirectTo: to.URL()}})
	s.Add(from, nil, small).Runs()
	if n := from.Stats().Redirects; n != 1 {
		s.Errorf("%d redirects", n)
	}

	elsewhere := s.Host(camsim.Config{})
	trap := s.Sim(elsewhere, small, guarded(camsim.AuthBasic))
	c := guarded(camsim.AuthDigestMD5)
	c.Behaviour.RedirectTo = trap.URL()
	v := s.Add(s.Sim(nil, small, c), Login(canaryUser, canaryPassword))
	v.Fails(camera.StateFailed, fault.Policy)
	if n := elsewhere.Stats().Accepted; n != 0 {
		s.Errorf("%d connections to another host", n)
	}
}

// A camera that redirects to itself.
func row11(s *Scene) {
	h := s.Sim(nil, small, camsim.Camera{})
	h.Set(func(b *camsim.Behaviour) { b.RedirectTo = h.URL() })
	v := s.Add(h, nil)
	snap := v.Fails(camera.StateFailed, fault.Policy)
	if n := h.Stats().Describes; n > 5 || time.Until(snap.Fault.NextAttempt) < 30*time.Second {
		s.Errorf("%d requests, next attempt in %v", n, time.Until(snap.Fault.NextAttempt))
	}
}

// Three ways to judge a certificate that nobody signed.
func row12(s *Scene) {
	host := s.Host(camsim.Config{TLS: true})
	with := func(t config.TLS) func(*config.Camera) { return func(c *config.Camera) { c.TLS = t } }
	checked := s.Add(s.Sim(host, small, camsim.Camera{}), nil)
	checked.Fails(camera.StateFailed, fault.Policy)
	pinned := s.Add(s.Sim(host, small, camsim.Camera{}), with(config.TLS{Mode: config.TLSPin, PinSHA256: host.CertificateSHA256()}), small)
	if snap := pinned.Runs(); snap.TLSInsecure {
		s.Errorf("pinned, and shown as insecure")
	}
	wrong := s.Add(s.Sim(host, small, camsim.Camera{}), with(config.TLS{Mode: config.TLSPin, PinSHA256: strings.Repeat("ab", 32)}))
	wrong.Fails(camera.StateFailed, fault.Policy)
	open := s.Add(s.Sim(host, small, camsim.Camera{}), with(config.TLS{Mode: config.TLSInsecure}), small)
	if snap := open.Runs(); !snap.TLSInsecure {
		s.Errorf("any certificate is taken, and that does not show")
	}
}

// A camera gets another address while it plays.
func row13(s *Scene) {
	first, second := s.Host(camsim.Config{}), s.Host(camsim.Config{})
	old := s.Sim(first, small, camsim.Camera{})
	moved := s.Sim(second, "h264_change_b", camsim.Camera{})
	var at atomic.Value
	at.Store(first.Addr())
	s.Worker.Names.Store("row13.test", func() string { address, _ := at.Load().(string); return address })
	v := s.Add(old, func(c *config.Camera) { c.URL = strings.Replace(c.URL, first.Addr(), "row13.test", 1) }, small, "h264_change_b")
	before := v.Runs()
	at.Store(second.Addr())
	if err := first.SetListening(false); err != nil {
		s.Fatal(err)
	}
	v.Back(before)
	if n := moved.Stats().Plays; n != 1 {
		s.Errorf("%d sessions at the new address", n)
	}
}
