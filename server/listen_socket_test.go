package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/render"
)

func listenUnix(t *testing.T, path string, mode fs.FileMode) net.Listener {
	t.Helper()
	l, err := ListenUnix(t.Context(), path, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// leaveStale leaves the socket of a worker that died.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// One server on TCP and a unix socket: both see the same, and the log tells who came
// through the socket.
func TestServesOnSeveralListeners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	cameras := newFakeCameras(t, "door")
	cameras.camera("door").publish(frame.Drops{})
	var authority atomic.Value
	h := newHarness(t, cameras, newFakeRenderer(100), func(c *Config) {
		c.Listeners = append(c.Listeners, listenUnix(t, path, 0o600))
		c.Renderer = rendererFunc{c.Renderer, func(ctx context.Context) {
			md, _ := metadata.FromIncomingContext(ctx)
			authority.Store(md.Get(":authority")[0])
		}}
	})
	get := func(conn grpc.ClientConnInterface) {
		t.Helper()
		r, err := frameportv1.NewFrameServiceClient(conn).GetFrame(t.Context(), &frameportv1.GetFrameRequest{CameraId: "door"})
		if err != nil || len(r.GetFrame().GetData()) != 100 {
			t.Errorf("%v, %v", r, err)
		}
	}
	get(h)
	tcp := h.address
	h.address = "unix:" + path
	local := h.dial()
	get(local)
	if got := authority.Load(); got != "localhost" {
		t.Errorf("authority %q", got)
	}
	if _, err := frameportv1.NewCameraServiceClient(local).AddCamera(t.Context(), &frameportv1.AddCameraRequest{
		CameraId: "yard", Spec: &frameportv1.CameraSpec{Url: "rtsp://192.0.2.1/"},
	}); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`from="unix:pid=%d,uid=%d"`, os.Getpid(), os.Getuid()); !strings.Contains(h.logs.String(), want) {
		t.Errorf("%s is not in the log:\n%s", want, h.logs)
	}
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
	if c, err := net.Dial("tcp", tcp); err == nil {
		_ = c.Close()
		t.Error("TCP is still served")
	}
}

// rendererFunc looks at calls that want a picture.
type rendererFunc struct {
	Renderer
	look func(context.Context)
}

func (r rendererFunc) Render(ctx context.Context, f *frame.Frame, out render.Output) (*render.Picture, error) {
	r.look(ctx)
	return r.Renderer.Render(ctx, f, out)
}

func TestRunEndsWhenOneOfTwoListenersFails(t *testing.T) {
	good := listenUnix(t, filepath.Join(t.TempDir(), "s.sock"), 0o600)
	bad, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Listeners: []net.Listener{good, bad}, Cameras: newFakeCameras(t), Renderer: newFakeRenderer(1),
		Worker: func() *frameportv1.Worker { return &frameportv1.Worker{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = bad.Close()
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
	if _, err := good.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the other listener: %v", err)
	}
}

// The mode is what was asked for, whatever the umask.
func TestSocketModeIgnoresTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o077} {
		for _, mode := range []fs.FileMode{0o600, 0o660, 0o666} {
			old := syscall.Umask(umask)
			path := filepath.Join(t.TempDir(), "s.sock")
			l, err := ListenUnix(t.Context(), path, mode)
			syscall.Umask(old)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Lstat(path); err != nil || info.Mode() != mode|fs.ModeSocket {
				t.Errorf("umask %03o, mode %v: %v, %v", umask, mode, info.Mode(), err)
			}
			if got := l.Addr().String(); got != "unix:"+path {
				t.Errorf("address %q", got)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestSocketOfADeadWorkerIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	leaveStale(t, path)
	l := listenUnix(t, path, 0o600)
	if conn, err := net.Dial("unix", path); err != nil {
		t.Error(err)
	} else {
		_ = conn.Close()
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
}

// Of many workers that find a dead socket at once, one has the place and keeps it.
func TestOneOfManyTakesThePlaceOfADeadWorker(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "s.sock")
		leaveStale(t, path)
		var wg sync.WaitGroup
		won := make(chan net.Listener, 8)
		for range cap(won) {
			wg.Go(func() {
				l, err := ListenUnix(t.Context(), path, 0o600)
				if err == nil {
					won <- l
				} else if !errors.Is(err, syscall.EADDRINUSE) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d have the place", len(won))
		}
		l := <-won
		if conn, err := net.Dial("unix", path); err != nil {
			t.Error(err)
		} else {
			_ = conn.Close()
		}
		_ = l.Close()
	}
}

func TestListenUnixRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(dir, "dead")
	leaveStale(t, dead)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dead, link); err != nil {
		t.Fatal(err)
	}
	living := filepath.Join(dir, "living")
	l := listenUnix(t, living, 0o600)
	datagram := filepath.Join(dir, "datagram")
	d, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: datagram, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for path, want := range map[string]string{
		filepath.Join(dir, "no", "such"):             "make the folder of the socket first",
		filepath.Join(file, "x"):                     "not a directory",
		filepath.Join(dir, strings.Repeat("x", 120)): "choose a shorter one",
		file:     "is no socket",
		dir:      "is no socket",
		link:     "is no socket",
		living:   "another program listens on unix:" + living,
		datagram: "does another program listen there?",
	} {
		if _, err := ListenUnix(t.Context(), path, 0o600); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	for _, path := range []string{file, link, dead, living, datagram} {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("was harmed: %v", err)
		}
	}
	if conn, err := net.Dial("unix", living); err != nil {
		t.Errorf("the living one: %v", err)
	} else {
		_ = conn.Close()
	}
	_ = l.Close()
}

func TestListenUnixInAFolderThatIsNotOurs(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(t.Context(), filepath.Join(dir, "s"), 0o600); err == nil || !strings.Contains(err.Error(), "may not write to folder") {
		t.Error(err)
	}
}

func TestListenUnixWaitsForTheFolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ListenUnix(ctx, filepath.Join(dir, "s"), 0o600); err == nil || !strings.Contains(err.Error(), "locked by another program") {
		t.Error(err)
	}
	unlock()
	listenUnix(t, filepath.Join(dir, "s"), 0o600)
}

// A socket that somebody removed and made anew is not ours to remove.
func TestCloseLeavesAnothersSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	first := listenUnix(t, path, 0o600)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second := listenUnix(t, path, 0o600)
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
