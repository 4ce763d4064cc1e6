//go:build cgo

package faults

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/auth/authtest"
	"github.com/frameport/frameport/internal/camsim"
	"github.com/frameport/frameport/internal/figures"
)

// guardedWorker is a worker with TLS and tokens, whose files change.
type guardedWorker struct {
	*Worker
	ca           *authtest.CA
	pair         *authtest.Pair
	keys         *auth.Keys
	certificates *auth.Certificates
	file         string
}

// tokens is an auth file with a token that stays and one that changes.
func tokens(changing string) []byte {
	return fmt.Appendf(nil, "tokens: [{name: stays, role: view, hash: %s}, {name: changes, role: view, hash: %s}]",
		authtest.Hash("stays"), authtest.Hash(changing))
}

func startGuarded(t *testing.T) *guardedWorker {
	t.Helper()
	g := &guardedWorker{ca: authtest.NewCA(t), file: authtest.File(t, string(tokens("0")))}
	g.pair = g.ca.Issue(t, []string{"127.0.0.1"})
	var err error
	if g.keys, err = auth.OpenKeys(g.file); err != nil {
		t.Fatal(err)
	}
	if g.certificates, err = auth.OpenCertificates(auth.CertificateFiles{Certificate: g.pair.CertFile, Key: g.pair.KeyFile}); err != nil {
		t.Fatal(err)
	}
	g.Worker = startWith(t, Options{Access: &auth.Gate{Keys: g.keys}, TLS: g.certificates.Config("h2")})
	return g
}

// dial makes a connection and notes the certificate that it was met with.
func (g *guardedWorker) dial(t *testing.T, number *atomic.Pointer[string]) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(g.GRPC, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		RootCAs: g.ca.Pool,
		VerifyConnection: func(s tls.ConnectionState) error {
			text := s.PeerCertificates[0].SerialNumber.String()
			number.Store(&text)
			return nil
		},
	})))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func as(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// reload puts another certificate and another token in force, and checks with a new
// connection that they are, and that the token before is not.
func (g *guardedWorker) reload(t *testing.T, camera string, i int) {
	t.Helper()
	next := g.ca.Issue(t, []string{"127.0.0.1"})
	authtest.Write(t, g.pair.CertFile, next.Cert)
	authtest.Write(t, g.pair.KeyFile, next.Key)
	authtest.Write(t, g.file, tokens(fmt.Sprint(i)))
	for _, reload := range []func() (bool, error){g.keys.Reload, g.certificates.Reload} {
		if changed, err := reload(); !changed || err != nil {
			t.Fatalf("reload %d: changed %v, %v", i, changed, err)
		}
	}
	var number atomic.Pointer[string]
	conn := g.dial(t, &number)
	defer func() { _ = conn.Close() }()
	ask := func(token string) error {
		_, err := frameportv1.NewFrameServiceClient(conn).GetFrame(as(t.Context(), token), &frameportv1.GetFrameRequest{
			CameraId: camera, Wait: durationpb.New(20 * time.Second), Output: &frameportv1.OutputSpec{Width: 64},
		})
		return err
	}
	if err := ask(fmt.Sprint(i)); err != nil {
		t.Errorf("reload %d: the new token: %v", i, err)
	}
	if err := ask(fmt.Sprint(i - 1)); status.Code(err) != codes.Unauthenticated {
		t.Errorf("reload %d: the old token: %v", i, err)
	}
	if got := number.Load(); got == nil || *got != next.TLS.Leaf.SerialNumber.String() {
		t.Errorf("reload %d: another certificate", i)
	}
}

// TestReload replaces the files of certificate and tokens while clients stream with a
// token that stays.
func TestReload(t *testing.T) {
	n, j := 2*measured(t), figures.Open()
	g := startGuarded(t)
	t.Run("clients", func(t *testing.T) {
		s := NewScene(t, g.Worker, 8, 1)
		v := s.Add(s.Sim(nil, small, camsim.Camera{FPS: 10}), nil, small)
		v.Runs()
		const clients = 8
		var received [clients]atomic.Int64
		var ended atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var number atomic.Pointer[string]
		for i := range clients {
			conn := g.dial(t, &number)
			defer func() { _ = conn.Close() }()
			stream, err := frameportv1.NewFrameServiceClient(conn).StreamFrames(as(ctx, "stays"), &frameportv1.StreamFramesRequest{
				CameraIds: []string{v.ID}, Output: &frameportv1.OutputSpec{Width: 64},
			})
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for {
					if _, err := stream.Recv(); err != nil {
						if ctx.Err() == nil {
							ended.Add(1)
							t.Errorf("a stream ended: %v", err)
						}
						return
					}
					received[i].Add(1)
				}
			})
		}
		const warm = 20
		for i := range warm {
			g.reload(t, v.ID, i+1)
		}
		before, err := g.holding()
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			g.reload(t, v.ID, i+1+warm)
		}
		what := fmt.Sprintf("%d reloads of certificate and tokens", n)
		compare(t, j, g.Worker, what, n, before)
		for i := range received {
			from := received[i].Load()
			s.Wait("frames for a client", func() bool { return received[i].Load() > from })
		}
		write(t, j, figures.Value(what+", streams that ended", float64(ended.Load()), "streams").AtMost(0).With("of %d", clients))
		cancel()
		wg.Wait()
	})
}
