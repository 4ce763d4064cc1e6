//go:build cgo

package e2e

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// The passwords, with everything in them that is special in a URL. One is right.
const (
	canaryUser  = "canary"
	canary      = "c4n4ry-Pa55w0rd/%@:"
	wrongCanary = "c4n4ry-Wr0ng/%@:"
	simRealm    = "Frameport camera" // of camsim
)

// canaryForms are what must not appear anywhere: the passwords as they are, in parts
// that survive any escaping, coded, and hashed to what is worth as much as they are.
func canaryForms() []string {
	forms := []string{
		"c4n4ry", "Pa55w0rd", "Wr0ng/",
		"authorization:", `nonce="`, `response="`, // of a login, whatever is in it
	}
	for _, p := range []string{canary, wrongCanary} {
		pair := canaryUser + ":" + p
		for _, s := range []string{p, pair} {
			forms = append(forms, url.QueryEscape(s), url.PathEscape(s), hex.EncodeToString([]byte(s)),
				base64.RawStdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)))
		}
		a := []byte(canaryUser + ":" + simRealm + ":" + p)
		weak, strong := md5.Sum(a), sha256.Sum256(a)
		forms = append(forms, hex.EncodeToString(weak[:]), hex.EncodeToString(strong[:]))
	}
	return forms
}

// watchdog collects texts by where they are from and looks for the canary in them.
type watchdog struct {
	mu    sync.Mutex
	texts map[string][]byte
}

func newWatchdog() *watchdog { return &watchdog{texts: map[string][]byte{}} }

func (d *watchdog) hear(from string, text []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.texts[from] = append(append(d.texts[from], text...), '\n')
}

// check fails for every place with a canary. Every place in want must have been heard.
func (d *watchdog) check(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for from, text := range d.texts {
		for _, form := range canaryForms() {
			if at := indexFold(text, form); at >= 0 {
				t.Errorf("%s holds %q: …%q…", from, form, text[max(0, at-80):min(len(text), at+80)])
				break
			}
		}
	}
	for _, from := range want {
		if len(d.texts[from]) < 2 {
			t.Errorf("nothing was heard from %s", from)
		}
	}
}

func indexFold(text []byte, form string) int {
	return bytes.Index(bytes.ToLower(text), []byte(strings.ToLower(form)))
}

// tap are options of a gRPC connection that let d hear every message and every
// status with its details.
func (d *watchdog) tap() []grpc.DialOption {
	hear := func(method string, reply any, err error) {
		if m, ok := reply.(proto.Message); ok && err == nil {
			b, _ := proto.Marshal(m)
			d.hear("grpc "+method, b)
		}
		if err != nil {
			b, _ := proto.Marshal(status.Convert(err).Proto())
			d.hear("grpc status", b)
		}
	}
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, next grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			err := next(ctx, method, req, reply, cc, opts...)
			hear(method, reply, err)
			return err
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			s, err := next(ctx, desc, cc, method, opts...)
			if err != nil {
				hear(method, nil, err)
				return nil, err
			}
			return tapped{s, func(m any, err error) { hear(method, m, err) }}, nil
		}),
	}
}

type tapped struct {
	grpc.ClientStream
	hear func(m any, err error)
}

// RecvMsg implements grpc.ClientStream.
func (s tapped) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	s.hear(m, err)
	return err
}
