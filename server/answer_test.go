package server

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
)

// ask makes a unary call below gRPC, with a window of nothing for the answer.
func ask(t *testing.T, conn net.Conn, method string, request proto.Message) {
	t.Helper()
	_, _ = io.WriteString(conn, http2.ClientPreface)
	fr := http2.NewFramer(conn, conn)
	if err := fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", "x"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	body, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := fr.WriteData(1, true, append([]byte{0, 0, 0, 0, byte(len(body))}, body...)); err != nil {
		t.Fatal(err)
	}
}

// A client that asks and does not read loses its connection, on TCP and on a unix
// socket; its neighbour from the same process does not.
func TestUnreadAnswerEndsTheConnection(t *testing.T) {
	path := t.TempDir() + "/s"
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(1_000_000), func(c *Config) {
		c.SlowConsumer = 200 * time.Millisecond
		l, err := ListenUnix(t.Context(), path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		c.Listeners = append(c.Listeners, l)
	})
	cameras.camera("door").publish(frame.Drops{})
	request := &frameportv1.GetFrameRequest{CameraId: "door"}
	for i, at := range [][2]string{{"tcp", h.address}, {"unix", path}} {
		conn, err := net.Dial(at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		ask(t, conn, frameportv1.FrameService_GetFrame_FullMethodName, request)
		neighbour, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := frameportv1.NewFrameServiceClient(neighbour).GetFrame(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if len(got) > 10_000 {
			t.Errorf("%s: %d bytes were sent, %v", at[0], len(got), err)
		}
		eventually(t, "it is counted", func() bool { return h.slow.Load() == int64(i+1) })
		_ = conn.Close()
		if state := neighbour.GetState(); state != connectivity.Ready {
			t.Errorf("%s: the neighbour's connection is %v", at[0], state)
		}
		_ = neighbour.Close()
	}
	if n := strings.Count(h.logs.String(), "an answer was not read"); n != 2 {
		t.Errorf("%d lines in the log", n)
	}
}

// Answers that are read stop their timers, small ones have none, and nothing is kept of
// connections that are gone.
func TestReadAnswers(t *testing.T) {
	cameras := newFakeCameras(t, "door")
	h := newHarness(t, cameras, newFakeRenderer(100_000))
	cameras.camera("door").publish(frame.Drops{})
	for range 20 {
		conn := h.dial()
		if _, err := frameportv1.NewFrameServiceClient(conn).GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: "door"}); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	eventually(t, "connections are forgotten", func() bool {
		h.server.clients.mu.Lock()
		defer h.server.clients.mu.Unlock()
		return len(h.server.clients.open) == 0
	})
	codec := frameCodec{encoding.GetCodecV2("proto")}
	for size, early := range map[int]bool{100: true, watchFrom: false, 5_000_000: false} {
		written := 0
		a := &answer{&frameportv1.GetFrameResponse{Frame: &frameportv1.Frame{Data: make([]byte, size)}}, func() { written++ }}
		want, err := proto.Marshal(a.message.(proto.Message))
		if err != nil {
			t.Fatal(err)
		}
		out, err := codec.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if string(out.Materialize()) != string(want) {
			t.Errorf("%d bytes: the message differs", size)
		}
		if (written == 1) != early {
			t.Errorf("%d bytes: written %d times before it is", size, written)
		}
		out.Free()
		if written != 1 {
			t.Errorf("%d bytes: written %d times", size, written)
		}
	}
	a := &answer{"no message", func() {}}
	if _, err := codec.Marshal(a); err == nil {
		t.Error("a string was marshalled")
	}
}
