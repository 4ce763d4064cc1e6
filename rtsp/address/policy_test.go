package address_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/frameport/frameport/rtsp/address"
)

// Each address, and every way to write it that a resolver or a gateway understands.
func TestPolicy(t *testing.T) {
	prefixes := func(list ...string) (out []netip.Prefix) {
		for _, p := range list {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	ports := func(bounds ...uint16) (out []address.PortRange) {
		for i := 0; i < len(bounds); i += 2 {
			out = append(out, address.PortRange{First: bounds[i], Last: bounds[i+1]})
		}
		return out
	}
	usual := &address.Policy{}
	for _, c := range []struct {
		policy *address.Policy
		to     string
		why    string // part of the error; "" = allowed
	}{
		{usual, "192.0.2.10:554", ""},
		{usual, "10.1.2.3:554", ""},
		{usual, "172.16.0.9:554", ""},
		{usual, "192.168.1.64:80", ""},
		{usual, "100.64.0.1:554", ""},
		{usual, "[fd00::7]:554", ""},
		{usual, "[2001:db8::7]:554", ""},
		{usual, "[64:ff9b::c000:20a]:554", ""},   // 192.0.2.10
		{usual, "[2002:c000:20a::1]:554", ""},    // 192.0.2.10
		{usual, "[::ffff:192.168.1.64]:554", ""}, // mapped
		{usual, "[64:ff9b:1::c000:20a]:554", ""}, // 192.0.2.10

		{usual, "0.0.0.0:554", "unspecified"},
		{usual, "0.1.2.3:554", "unspecified"},
		{usual, "[::]:554", "unspecified"},
		{usual, "127.0.0.1:554", "--camera-loopback"},
		{usual, "127.255.255.254:554", "loopback"},
		{usual, "[::1]:554", "loopback"},
		{usual, "[::ffff:127.0.0.1]:554", "loopback"},
		{usual, "[::127.0.0.1]:554", "loopback"},
		{usual, "[::ffff:0:127.0.0.1]:554", "loopback"},
		{usual, "[64:ff9b::7f00:1]:554", "loopback"},
		{usual, "[64:ff9b:1::7f00:1]:554", "loopback"},
		{usual, "[64:ff9b:1:7f00:0:100::]:554", "loopback"},
		{usual, "[2002:7f00:1::]:554", "loopback"},
		{usual, "[2001:0:c000:20a::80ff:fffe]:554", "loopback"}, // teredo, client inverted
		{usual, "[2001:0:7f00:1::3fff:fdf5]:554", "loopback"},   // teredo, server
		{usual, "[2001:db8::5efe:7f00:1]:554", "loopback"},
		{usual, "[2001:db8::200:5efe:7f00:1]:554", "loopback"},
		{usual, "169.254.169.254:80", "--camera-allow 169.254.169.254/32"},
		{usual, "169.254.0.1:554", "link-local"},
		{usual, "[fe80::1]:554", "link-local"},
		{usual, "[fe80::1%eth0]:554", "link-local"},
		{usual, "[febf::1]:554", "link-local"},
		{usual, "[::ffff:169.254.169.254]:80", "link-local"},
		{usual, "[64:ff9b::a9fe:a9fe]:80", "link-local"},
		{usual, "224.0.0.1:554", "multicast"},
		{usual, "239.255.255.255:554", "multicast"},
		{usual, "[ff02::1]:554", "multicast"},
		{usual, "255.255.255.255:554", "broadcast"},
		{usual, "240.0.0.1:554", "reserved"},
		{usual, "[fd00:ec2::254]:80", "metadata"},
		{usual, "100.100.100.200:80", "metadata"},
		{usual, "192.0.0.192:80", "metadata"},
		{usual, "168.63.129.16:80", "metadata"},
		{usual, "[fd20:ce::254]:80", "metadata"},

		{&address.Policy{Loopback: true}, "127.0.0.2:554", ""},
		{&address.Policy{Loopback: true}, "[::1]:554", ""},
		{&address.Policy{Loopback: true}, "[::ffff:127.0.0.1]:554", ""},
		{&address.Policy{Loopback: true}, "169.254.1.1:554", "link-local"},
		{&address.Policy{Allow: prefixes("169.254.7.0/24")}, "169.254.7.9:554", ""},
		{&address.Policy{Allow: prefixes("169.254.7.0/24")}, "169.254.8.9:554", "link-local"},
		{&address.Policy{Allow: prefixes("127.0.0.1/32")}, "127.0.0.1:554", ""},
		{&address.Policy{Allow: prefixes("127.0.0.1/32")}, "127.0.0.2:554", "loopback"},
		{&address.Policy{Allow: prefixes("fe80::/10")}, "[fe80::1%eth0]:554", ""},
		{&address.Policy{Allow: prefixes("2002::/16")}, "[2002:7f00:1::]:554", "loopback"}, // what is in it is judged too
		{&address.Policy{Deny: prefixes("10.0.0.0/8")}, "10.200.0.1:554", "--camera-deny"},
		{&address.Policy{Deny: prefixes("10.0.0.0/8")}, "[::ffff:10.0.0.1]:554", "--camera-deny"},
		{&address.Policy{Deny: prefixes("10.0.0.0/8")}, "[64:ff9b::a00:1]:554", "--camera-deny"},
		{&address.Policy{Deny: prefixes("10.0.0.0/8")}, "11.0.0.1:554", ""},
		{&address.Policy{Deny: prefixes("127.0.0.0/8"), Loopback: true}, "127.0.0.1:554", "--camera-deny"},
		{&address.Policy{Deny: prefixes("10.0.0.0/8"), Allow: prefixes("10.1.0.0/16")}, "10.1.0.1:554", ""},
		{&address.Policy{Deny: prefixes("10.0.0.0/8"), Allow: prefixes("10.1.0.0/16")}, "10.2.0.1:554", "--camera-deny"},
		{&address.Policy{Deny: prefixes("10.1.7.0/24", "10.0.0.0/8"), Allow: prefixes("10.1.0.0/16")}, "10.1.7.1:554", "in 10.1.7.0/24, which --camera-deny"},
		{&address.Policy{Deny: prefixes("10.1.0.0/16"), Allow: prefixes("10.1.0.0/16")}, "10.1.0.1:554", "--camera-deny"},
		{&address.Policy{Deny: prefixes("0.0.0.0/0", "::/0")}, "192.0.2.1:554", "--camera-deny"},

		{usual, "192.0.2.10:80", ""},
		{usual, "192.0.2.10:322", ""},
		{usual, "192.0.2.10:443", ""},
		{usual, "192.0.2.10:1024", ""},
		{usual, "192.0.2.10:8554", ""},
		{usual, "[2001:db8::7]:65535", ""},
		{usual, "192.0.2.10:0", "at port 0"},
		{usual, "192.0.2.10:1", "at port 1,"},
		{usual, "192.0.2.10:22", "--camera-ports 80,322,443,554,1024-65535,22"},
		{usual, "192.0.2.10:25", "at port 25"},
		{usual, "192.0.2.10:79", "at port 79"},
		{usual, "192.0.2.10:81", "at port 81"},
		{usual, "[2001:db8::7]:445", "at port 445"},
		{usual, "[::ffff:192.0.2.10]:1023", "at port 1023"},
		{usual, "127.0.0.1:22", "loopback"}, // the address first
		{&address.Policy{Loopback: true}, "127.0.0.1:22", "at port 22"},
		{&address.Policy{Allow: prefixes("192.0.2.10/32")}, "192.0.2.10:22", "at port 22"},
		{&address.Policy{Ports: ports(554, 554)}, "192.0.2.10:554", ""},
		{&address.Policy{Ports: ports(554, 554)}, "192.0.2.10:8554", "--camera-ports 554,8554"},
		{&address.Policy{Ports: ports(554, 554)}, "192.0.2.10:80", "at port 80"},
		{&address.Policy{Ports: ports(554, 554, 7000, 7010)}, "192.0.2.10:7010", ""},
		{&address.Policy{Ports: ports(554, 554, 7000, 7010)}, "192.0.2.10:7011", "--camera-ports 554,7000-7010,7011"},
		{&address.Policy{Ports: ports(1, 65535)}, "192.0.2.10:22", ""},
		{&address.Policy{Ports: ports(1, 65535)}, "169.254.169.254:80", "link-local"},
	} {
		err := c.policy.Check(netip.MustParseAddrPort(c.to))
		switch {
		case c.why == "" && err != nil:
			t.Errorf("%s: %v", c.to, err)
		case c.why != "" && (!errors.Is(err, address.ErrDenied) || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s: %v, want %q", c.to, err, c.why)
		}
	}
}

// The worker's own listeners are no cameras, however their address is written and
// whatever else is allowed.
func TestOwnListeners(t *testing.T) {
	tcp := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	p := &address.Policy{
		Loopback: true,
		Own:      address.Listeners([]net.Addr{tcp("127.0.0.1:50051"), tcp("[::]:8080"), &net.UnixAddr{Name: "/run/x", Net: "unix"}}),
	}
	for to, own := range map[string]bool{
		"127.0.0.1:50051":          true,
		"[::ffff:127.0.0.1]:50051": true,
		"0.0.0.0:50051":            true,
		"127.0.0.2:50051":          false, // nobody listens there
		"127.0.0.1:50052":          false,
		"127.0.0.1:8080":           true,
		"127.9.9.9:8080":           true,
		"[::1]:8080":               true,
		"192.0.2.1:8080":           false, // of another machine
	} {
		err := p.Check(netip.MustParseAddrPort(to))
		if got := err != nil && strings.Contains(err.Error(), "listens itself"); got != own {
			t.Errorf("%s: %v", to, err)
		}
	}
	mine, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range mine {
		ip, _ := netip.AddrFromSlice(a.(*net.IPNet).IP)
		if err := p.Check(netip.AddrPortFrom(ip, 8080)); !errors.Is(err, address.ErrDenied) {
			t.Errorf("%v of this machine: %v", ip, err)
		}
	}
}

// What is denied is never connected to: the check is between the name and the
// connection, so it does not matter how the address is written.
func TestDialer(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	var connections atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close()
		}
	}()
	deny, allow := (&address.Policy{}).Dialer(), (&address.Policy{Loopback: true}).Dialer()
	for _, host := range []string{"127.0.0.1", "localhost", "127.0.0.2", "0.0.0.0", "::ffff:127.0.0.1", "0"} {
		c, err := deny.DialContext(context.Background(), "tcp", net.JoinHostPort(host, port))
		if err == nil {
			_ = c.Close()
			t.Errorf("%s: connected", host)
		} else if host != "0" && !errors.Is(err, address.ErrDenied) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
	c, err := allow.DialContext(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	_ = l.Close()
	<-done
}
