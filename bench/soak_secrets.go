package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/internal/invariant"
)

// search looks for passwords in all that it is shown: I10. Its methods may be called from
// any goroutine.
type search struct {
	found *findings
	forms [][]byte
	most  int // length of the longest form
}

func newSearch(f *findings, all ...invariant.Canary) *search {
	s := &search{found: f}
	for _, c := range all {
		for _, form := range c.Forms() {
			s.forms = append(s.forms, []byte(form))
			s.most = max(s.most, len(form))
		}
	}
	return s
}

// look searches one text. It does not say what it found: that is a secret.
func (s *search) look(where string, text []byte) {
	for i, form := range s.forms {
		if at := bytes.Index(text, form); at >= 0 {
			s.found.add(where, fmt.Sprintf("I10: form %d of a password at byte %d", i+1, at))
		}
	}
}

// searched is a text that comes in parts, such as a log.
type searched struct {
	*search
	where string

	mu   sync.Mutex
	rest []byte // the end of what came, in which a form may have begun
}

var _ io.Writer = (*searched)(nil)

func (w *searched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found.saw(sawLog, len(p))
	text := append(w.rest, p...)
	w.look(w.where, text)
	w.rest = bytes.Clone(text[max(len(text)-w.most+1, 0):])
	return len(p), nil
}

// answer searches what a call returned.
func (s *search) answer(method string, reply any, err error) {
	s.found.saw(sawAnswers, 1)
	var m proto.Message
	if err != nil {
		m = status.Convert(err).Proto()
	} else if m, _ = reply.(proto.Message); m == nil {
		s.found.add(method, "I10: an answer that can't be searched")
		return
	}
	text, err := proto.Marshal(m)
	if err != nil {
		s.found.add(method, fmt.Sprintf("I10: an answer that can't be searched: %v", err))
		return
	}
	s.look(method, text)
}

// options make a connection of which every answer is searched.
func (s *search) options() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			err := call(ctx, method, req, reply, conn, opts...)
			s.answer(method, reply, err)
			return err
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, conn, method, opts...)
			if err != nil {
				s.answer(method, nil, err)
				return nil, err
			}
			return &searchedStream{ClientStream: stream, search: s, method: method}, nil
		}),
	}
}

type searchedStream struct {
	grpc.ClientStream
	*search
	method string
}

func (s *searchedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	s.answer(s.method, m, err)
	return err
}

// searchAnswers has all later calls go over a connection whose answers are searched.
func (s *soak) searchAnswers() error {
	conn, err := grpc.NewClient(s.address, s.secrets.options()...)
	if err != nil {
		return err
	}
	_ = s.conn.Close() // no call is going on
	s.conn = conn
	s.admin = frameportv1.NewWorkerServiceClient(conn)
	s.cameras = frameportv1.NewCameraServiceClient(conn)
	s.frames = frameportv1.NewFrameServiceClient(conn)
	return nil
}

// searchPages searches what the worker says over HTTP, which are texts for people and
// metrics.
func (s *soak) searchPages(ctx context.Context) error {
	for _, page := range []string{"/metrics", "/", "/healthz", "/readyz"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+page, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close() // it has been read
		if err != nil {
			return err
		}
		s.found.saw(sawAnswers, 1)
		s.secrets.look(page, text)
	}
	return nil
}
