package server

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the usual codec
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
)

// listed are cameras of which only a list is wanted.
type listed struct {
	Cameras
	all []camera.Snapshot
}

func (l *listed) List() []camera.Snapshot { return slices.Clone(l.all) }

// FuzzListCameras: whatever page is asked for, walking on from it shows each camera that
// matches and comes behind the token once, in order, and no page is longer than asked for.
func FuzzListCameras(f *testing.F) {
	cameras := &listed{}
	for i, id := range []string{"attic", "door", "door-2", "door_2", "garage", "x", "yard", "yard0"} {
		labels := map[string]string{"site": "berlin", "floor": id[:1]}
		if i%3 == 0 {
			labels = nil
		}
		cameras.all = append(cameras.all, camera.Snapshot{ID: id, Spec: config.Camera{URL: "rtsp://192.0.2.1/" + id, Labels: labels}})
	}
	s := &cameraService{Server: &Server{cfg: Config{Cameras: cameras}}}
	for _, token := range []string{"", pageToken("door"), pageToken("nobody"), pageToken("zz"), "MTo", "x!", pageToken("Door"), pageToken("door") + "\n"} {
		f.Add(token, int32(0), "")
		f.Add(token, int32(3), "site=berlin")
	}
	f.Add("", int32(-1), "a in (b")
	f.Add(pageToken("door"), int32(1<<30), "!site")
	f.Fuzz(func(t *testing.T, token string, size int32, selector string) {
		ctx := auth.NewContext(t.Context(), auth.Trusted("test"))
		list := func(token string) (*frameportv1.ListCamerasResponse, error) {
			return s.ListCameras(ctx, &frameportv1.ListCamerasRequest{PageToken: token, PageSize: size, LabelSelector: selector})
		}
		page, err := list(token)
		if err != nil {
			_, wrong := errors.AsType[*config.Problems](err)
			if reason, _ := apierr.ReasonOf(err); !wrong && reason != apierr.InvalidPageSize && reason != apierr.InvalidPageToken {
				t.Fatalf("%q, %d, %q: %v", token, size, selector, err)
			}
			return
		}
		choice, err := config.ParseSelector(selector)
		if err != nil {
			t.Fatalf("%q is taken: %v", selector, err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		after, ok := strings.CutPrefix(string(raw), "1:")
		if err != nil || ok == (token == "") || after != "" && config.ValidCameraID(after) != nil {
			t.Fatalf("token %q is taken: %q, %v", token, raw, err)
		}
		var want, got []string
		matching := 0
		for _, c := range cameras.all {
			if !choice.Matches(c.Spec.Labels) {
				continue
			}
			if matching++; c.ID > after {
				want = append(want, c.ID)
			}
		}
		for n := 0; ; n++ {
			if int(page.GetTotalSize()) != matching || size > 0 && len(page.GetCameras()) > int(size) || n > len(cameras.all) {
				t.Fatalf("page %d of %d cameras: %d of %d", n, matching, len(page.GetCameras()), page.GetTotalSize())
			}
			for _, c := range page.GetCameras() {
				got = append(got, c.GetCameraId())
			}
			if page.GetNextPageToken() == "" {
				break
			}
			if page, err = list(page.GetNextPageToken()); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q, %d, %q: %q, want %q", token, size, selector, got, want)
		}
	})
}

// FuzzUnreadable: of a client's bytes those that are no message are refused, after the codec
// has let them through, and all others reach their method as they are.
func FuzzUnreadable(f *testing.F) {
	whole, err := proto.Marshal(&frameportv1.AddCameraRequest{CameraId: "door", Spec: &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/", Labels: map[string]string{"a": "b"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte("\x0a\x02\xff\xfe"))
	f.Add([]byte(unreadable))
	f.Add(append(slices.Clone(whole), "\x9a\x06\x02hi"...)) // a field of a later version
	codec := frameCodec{encoding.GetCodecV2("proto")}
	f.Fuzz(func(t *testing.T, b []byte) {
		want, got := &frameportv1.AddCameraRequest{}, &frameportv1.AddCameraRequest{}
		sound := proto.Unmarshal(b, want) == nil
		if err := codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, got); err != nil {
			t.Fatal(err)
		}
		err := readable(got)
		marked := strings.Contains(string(want.ProtoReflect().GetUnknown()), unreadable)
		if sound && !marked != (err == nil) || !sound && err == nil {
			t.Fatalf("sound %v, marked %v: %v", sound, marked, err)
		}
		if err == nil && !proto.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// FuzzLeases: whatever a client acks, and when, all that was lent is given back once, an ack
// of what it has is taken, and one of what it never had or has acked is not.
func FuzzLeases(f *testing.F) {
	const lend, ack, wait, end = 0, 1, 2, 3
	f.Add([]byte{lend, 0, lend, 0, ack, 2, ack, 2, ack, 1, ack, 3})
	f.Add([]byte{lend, 0, wait, 9, lend, 0, wait, 1, ack, 1, ack, 1, wait, 20, ack, 2, ack, 0})
	f.Add([]byte{lend, 0, lend, 0, end, 0, ack, 1, lend, 0, wait, 50, end, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		type state struct {
			back, acked int
			until       time.Time
		}
		const duration = 10 * time.Second
		l, now, ended := newLeases(duration), time.Now(), false
		all := []*state{nil} // by number, the first of which is 1
		for len(steps) >= 2 && len(all) < lapsedKept {
			op, arg := steps[0]%4, steps[1]
			steps = steps[2:]
			switch op {
			case lend:
				s := &state{until: now.Add(duration)}
				all = append(all, s)
				if id, until := l.lend(func() { s.back++ }, now); int(id) != len(all)-1 || !until.Equal(s.until) {
					t.Fatalf("lease %d until %v, want %d until %v", id, until, len(all)-1, s.until)
				}
			case ack:
				err := l.ack(uint64(arg))
				known := arg > 0 && int(arg) < len(all)
				if want := known && all[arg].acked == 0; !ended && want != (err == nil) {
					t.Fatalf("ack of %d: %v", arg, err)
				}
				if known && err == nil {
					all[arg].acked++
				}
			case wait:
				now = now.Add(time.Duration(arg) * time.Second)
				l.expire(now)
			case end:
				l.end()
				ended = true
			}
			held := 0
			for id, s := range all[1:] {
				out := !ended && s.acked == 0 && (op != wait || s.until.After(now)) && s.back == 0
				if out {
					held++
				}
				if s.back > 1 || s.acked > 1 || (s.acked == 1 || ended) && s.back != 1 || op == wait && !s.until.After(now) && s.back != 1 {
					t.Fatalf("lease %d: %+v", id+1, s)
				}
			}
			if held != l.lent() {
				t.Fatalf("%d leases, the stream knows of %d", held, l.lent())
			}
		}
	})
}
