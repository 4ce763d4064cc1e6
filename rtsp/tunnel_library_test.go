package rtsp

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"github.com/frameport/frameport/fault"
)

// libraryServer refuses DESCRIBE and tells over what it came.
type libraryServer struct {
	tunnel    atomic.Int64
	described atomic.Int64
	query     atomic.Pointer[string]
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (s *libraryServer) OnDescribe(c *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	s.described.Add(1)
	s.tunnel.Store(int64(c.Conn.Transport().Tunnel))
	s.query.Store(&c.Query)
	return &base.Response{StatusCode: base.StatusGone}, nil, nil
}

// The tunnels are those of a server that other people wrote: requests and answers pass.
func TestTunnelsToAnotherServer(t *testing.T) {
	t.Parallel()
	handler := &libraryServer{}
	var ln net.Listener
	server := &gortsplib.Server{Handler: handler, RTSPAddress: "127.0.0.1:0", Listen: func(network, address string) (net.Listener, error) {
		var err error
		ln, err = new(net.ListenConfig).Listen(context.Background(), network, address)
		return ln, err
	}}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	u, _, err := ParseURL("rtsp://" + ln.Addr().String() + "/live?channel=1")
	if err != nil {
		t.Fatal(err)
	}
	for transport, want := range map[Transport]gortsplib.Tunnel{
		TransportTCP: gortsplib.TunnelNone, TransportHTTP: gortsplib.TunnelHTTP, TransportWebSocket: gortsplib.TunnelWebSocket,
	} {
		before := handler.described.Load()
		// The server says that a tunnel is open before it can find it, and refuses a POST that
		// comes between. A camera's next attempt is a second later.
		var err error
		for tries := 0; tries < 10 && handler.described.Load() == before; tries++ {
			_, err = runUnits(t, newSource(t, u, func(c *Config) { c.Transport = transport }), 1000)
		}
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Class != fault.NotFound || !strings.Contains(e.Error(), "status 410") {
			t.Fatalf("%v: %v, want status 410", transport, err)
		}
		if handler.described.Load() != before+1 || gortsplib.Tunnel(handler.tunnel.Load()) != want || *handler.query.Load() != "channel=1" {
			t.Errorf("%v: tunnel %v, query %q", transport, handler.tunnel.Load(), *handler.query.Load())
		}
	}
}
