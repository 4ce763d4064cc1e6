package rtsp_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/media"
	"github.com/frameport/frameport/rtsp"
	"github.com/frameport/frameport/rtsp/address"
)

// bystander is a service of this machine that is no camera's: it counts who knocks.
type bystander struct {
	port        string
	connections atomic.Int64
}

// newBystander listens at one address, or at every one of both families.
func newBystander(t *testing.T, only ...string) *bystander {
	t.Helper()
	places := []string{"tcp4 0.0.0.0", "tcp6 ::"}
	if len(only) > 0 {
		places = []string{"tcp4 " + only[0]}
	}
	b := &bystander{}
	all, err := listenAll(places)
	for try := 0; errors.Is(err, syscall.EADDRINUSE) && try < 1000; try++ {
		all, err = listenAll(places)
	}
	if err != nil && len(all) > 0 {
		t.Logf("without IPv6: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	_, b.port, _ = net.SplitHostPort(all[0].Addr().String())
	var listening sync.WaitGroup
	for _, l := range all {
		listening.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				b.connections.Add(1)
				_ = c.Close()
			}
		})
	}
	t.Cleanup(func() {
		for _, l := range all {
			// Who knocked before this connection is counted when it has been.
			own, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				continue
			}
			_, _ = own.Read(make([]byte, 1))
			_ = own.Close()
			_ = l.Close()
		}
		listening.Wait()
		if n := b.connections.Load() - int64(len(all)); n != 0 {
			t.Errorf("%d connections to a service that is no camera", n)
		}
	})
	return b
}

// listenAll listens at one port of all places, or at none when one of them is in use there.
// What a machine does not have at all is left out, and told.
func listenAll(places []string) (all []net.Listener, missing error) {
	// None of those that systems give out: others may still look for a camera that has had
	// it before.
	port := strconv.Itoa(10_000 + rand.IntN(20_000))
	for _, at := range places {
		network, host, _ := strings.Cut(at, " ")
		l, err := net.Listen(network, net.JoinHostPort(host, port))
		if errors.Is(err, syscall.EADDRINUSE) {
			for _, l := range all {
				_ = l.Close()
			}
			return nil, err
		}
		if err != nil {
			missing = err
			continue
		}
		all = append(all, l)
	}
	return all, missing
}

// hostile are addresses of services on this machine or beside it, in all forms that
// something on the way might understand. %s is a port.
var hostile = []string{
	"rtsp://127.0.0.1:%s/", "rtsps://127.0.0.1:%s/", "RTSP://127.0.0.1:%s/", "rtsp://127.0.0.2:%s/x", "rtsp://127.255.255.254:%s/",
	"rtsp://localhost:%s/", "rtsp://LOCALHOST:%s/", "rtsp://localhost.:%s/", "rtsp://127.0.0.1.:%s/",
	"rtsp://0:%s/", "rtsp://0.0.0.0:%s/", "rtsp://0x0:%s/", "rtsp://127.1:%s/", "rtsp://127.0.1:%s/",
	"rtsp://2130706433:%s/", "rtsp://0x7f000001:%s/", "rtsp://0x7f.0.0.1:%s/", "rtsp://0177.0.0.1:%s/", "rtsp://017700000001:%s/", "rtsp://127.0.0.01:%s/",
	"rtsp://[::]:%s/", "rtsp://[::1]:%s/", "rtsp://[0:0:0:0:0:0:0:1]:%s/", "rtsp://[::1%%25lo]:%s/", "rtsp://[::1%%lo]:%s/",
	"rtsp://[::ffff:127.0.0.1]:%s/", "rtsp://[::ffff:7f00:1]:%s/", "rtsp://[::ffff:0:127.0.0.1]:%s/", "rtsp://[::127.0.0.1]:%s/",
	"rtsp://[::ffff:0.0.0.0]:%s/", "rtsp://[64:ff9b::7f00:1]:%s/", "rtsp://[64:ff9b:1::7f00:1]:%s/", "rtsp://[2002:7f00:1::]:%s/",
	"rtsp://[fe80::1]:%s/", "rtsp://[fe80::1%%25lo]:%s/", "rtsp://[ff02::1]:%s/", "rtsp://[ff01::1%%25lo]:%s/",
	"rtsp://169.254.169.254:%s/latest/meta-data", "rtsp://[::ffff:169.254.169.254]:%s/", "rtsp://[fd00:ec2::254]:%s/", "rtsp://100.100.100.200:%s/",
	"rtsp://224.0.0.1:%s/", "rtsp://255.255.255.255:%s/", "rtsp://240.0.0.1:%s/",
	"rtsp://192.0.2.1@127.0.0.1:%s/", "rtsp://user:192.0.2.1@127.0.0.1:%s/", "rtsp://192.0.2.1%%40127.0.0.1:%s/", "rtsp://a@b@127.0.0.1:%s/",
	"rtsp://127.0.0.1:%s#@192.0.2.1/", "rtsp://127.0.0.1:%s?@192.0.2.1/", "rtsp://127.0.0.1:%s\\@192.0.2.1/", "rtsp://[::1]:%s@192.0.2.1:1/",
	"rtsp://①②⑦.⓪.⓪.①:%s/", "rtsp://１２７.0.0.1:%s/", "rtsp://127。0。0。1:%s/", "rtsp://127.0.0.1%%00.example.com:%s/",
	"rtsp://127.0.0.1%%2f:%s/", "rtsp://\t127.0.0.1:%s/", "rtsp:// 127.0.0.1:%s/", "rtsp:127.0.0.1:%s/", "rtsp:///127.0.0.1:%s/", "//127.0.0.1:%s/",
	"http://127.0.0.1:%s/", "https://127.0.0.1:%s/", "rtspu://127.0.0.1:%s/", "rtmp://127.0.0.1:%s/", "file:///etc/passwd?%s", "gopher://127.0.0.1:%s/",
	"concat:rtsp://127.0.0.1:%s/", "exec:nc 127.0.0.1 %s", "unix:/run/frameport.sock?%s", "tcp://127.0.0.1:%s/", "rtsp+http://127.0.0.1:%s/",
}

// No camera URL leads the worker to anything but cameras.
func TestHostileURLs(t *testing.T) {
	t.Parallel()
	if len(hostile) < 60 {
		t.Fatalf("only %d", len(hostile))
	}
	b := newBystander(t)
	policy := &address.Policy{Deny: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}} // where nobody answers
	for _, form := range hostile {
		text := fmt.Sprintf(form, b.port)
		u, _, err := rtsp.ParseURL(text)
		if err != nil {
			continue // no URL of a camera at all
		}
		s, err := rtsp.New(rtsp.Config{URL: u, Transport: rtsp.TransportTCP, DialContext: policy.Dialer().DialContext})
		if err != nil {
			continue
		}
		err = s.Run(t.Context(), func(*media.AccessUnit) error { return nil })
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Class != fault.Policy && f.Class != fault.Unreachable {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A camera that sends the worker elsewhere is not followed to where no camera may be.
func TestHostileRedirects(t *testing.T) {
	t.Parallel()
	b := newBystander(t)
	policy := &address.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.77/32")}, Deny: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	_, h := startSim(t, camsim.Config{Addr: "127.0.0.77:0"}, "h264_720p", nil)
	for _, form := range hostile {
		if strings.ContainsAny(form, "\t") {
			continue // can't stand in a header line
		}
		to := fmt.Sprintf(form, b.port)
		h.Set(func(b *camsim.Behaviour) { *b = camsim.Behaviour{RedirectTo: to} })
		before := h.Stats().Redirects
		s := simSource(t, h, func(c *rtsp.Config) { c.DialContext = policy.Dialer().DialContext })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := s.Run(ctx, func(*media.AccessUnit) error { return errDone })
		cancel()
		if errors.Is(err, errDone) || err == nil {
			t.Errorf("%s: %v", to, err)
		}
		if h.Stats().Redirects == before {
			t.Errorf("%s: the camera was not asked: %v", to, err)
		}
	}
}

// A port where no camera may be is not knocked at: not for a URL, not for a redirect, and
// however the host is written.
func TestHostilePorts(t *testing.T) {
	t.Parallel()
	b := newBystander(t)
	_, h := startSim(t, camsim.Config{}, "h264_720p", nil)
	camera, err := netip.ParseAddrPort(strings.TrimPrefix(strings.SplitN(h.URL(), "/", 4)[2], "@"))
	if err != nil {
		t.Fatal(err)
	}
	policy := &address.Policy{Loopback: true, Ports: []address.PortRange{{First: camera.Port(), Last: camera.Port()}}}
	run := func(s *rtsp.Source) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := s.Run(ctx, func(*media.AccessUnit) error { return errDone })
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Class != fault.Policy || !strings.Contains(err.Error(), "--camera-ports") {
			t.Error(err)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"} {
		u, _, err := rtsp.ParseURL("rtsp://" + host + ":" + b.port + "/")
		if err != nil {
			t.Fatal(err)
		}
		s, err := rtsp.New(rtsp.Config{URL: u, Transport: rtsp.TransportTCP, DialContext: policy.Dialer().DialContext})
		if err != nil {
			t.Fatal(err)
		}
		run(s)
	}
	h.Set(func(s *camsim.Behaviour) { s.RedirectTo = "rtsp://" + camera.Addr().String() + ":" + b.port + "/" })
	run(simSource(t, h, func(c *rtsp.Config) { c.DialContext = policy.Dialer().DialContext }))
	if h.Stats().Redirects == 0 {
		t.Error("the camera was not asked")
	}
}
