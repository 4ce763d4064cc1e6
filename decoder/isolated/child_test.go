package isolated_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/decoder/isolated"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/media"
)

// TestMain is also the child: the host runs this program again.
func TestMain(m *testing.M) {
	if isolated.IsChild(os.Args) {
		os.Exit(isolated.Main(newCaptive))
	}
	goleak.VerifyTestMain(m)
}

// spell is the beginning of an access unit that makes the child do something that no
// decoder does. What follows is the name of a deed.
const spell = "\xffdeed:"

// captive is libavcodec with deeds. It exists in this test's children only.
type captive struct{ *avcodec.Decoder }

func newCaptive(cfg decoder.Config) (decoder.Decoder, error) {
	d, err := avcodec.New(cfg)
	if err != nil {
		return nil, err
	}
	return captive{d}, nil
}

func (c captive) Decode(ctx context.Context, au *media.AccessUnit, emit func(*frame.Frame) error) error {
	if deed, ok := bytes.CutPrefix(au.Data, []byte(spell)); ok {
		return do(string(deed))
	}
	return c.Decoder.Decode(ctx, au, emit)
}

// report is how a deed's outcome comes back: as an error of this unit.
func report(format string, args ...any) error {
	return fmt.Errorf("%w: %s", decoder.ErrCorrupt, fmt.Sprintf(format, args...))
}

func do(deed string) error {
	name, argument, _ := strings.Cut(deed, " ")
	switch name {
	case "open":
		_, err := os.Open(argument)
		return report("%v", err)
	case "create":
		return report("%v", os.WriteFile(argument, []byte("x"), 0o600))
	case "stat":
		_, err := os.Stat(argument)
		return report("%v", err)
	case "socket":
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		return report("%d %v", fd, err)
	case "execute":
		return report("%v", syscall.Exec("/bin/true", []string{"true"}, nil))
	case "fork":
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if pid == 0 && errno == 0 {
			syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
		}
		return report("%d %v", pid, errno)
	case "signal":
		return report("%v", syscall.Kill(os.Getppid(), 0))
	case "owner": // of the log's pipe: who gets its signals
		_, err := unix.FcntlInt(2, unix.F_SETOWN, os.Getppid())
		return report("%v", err)
	case "setsig":
		_, err := unix.FcntlInt(2, unix.F_SETSIG, int(unix.SIGKILL))
		return report("%v", err)
	case "code":
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		return report("%v", err)
	case "privileges":
		return report("%v", unix.Setuid(0))
	case "environment":
		return report("%q", os.Environ())
	case "hoard":
		var kept [][]byte
		for range 64 {
			b := make([]byte, 256<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
		}
		return report("it has %d", len(kept))
	case "swell": // by so many MiB, and stays so
		var n int
		if _, err := fmt.Sscan(argument, &n); err != nil {
			return report("%v", err)
		}
		b, err := unix.Mmap(-1, 0, n<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
		return report("%d bytes, %v", len(b), err)
	case "end": // argument: how, and after which time
		how, after, _ := strings.Cut(argument, " after ")
		if after == "" {
			return end(how)
		}
		pause, err := time.ParseDuration(after)
		if err != nil {
			return report("%v", err)
		}
		time.AfterFunc(pause, func() { _ = end(how) })
		return report("soon")
	case "shared-memory":
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		return report("%d bytes, %v", len(b), err)
	case "growing-memory":
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_GROWSDOWN)
		return report("%d bytes, %v", len(b), err)
	case "remove-memory":
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return report("%v", err)
		}
		return report("%v", unix.Madvise(b, unix.MADV_REMOVE))
	case "exhausted":
		return fmt.Errorf("%w: malloc", decoder.ErrExhausted)
	case "broken":
		return errors.New("alloc frame: out of memory")
	case "drip": // messages that the worker has no quarrel with, and no end
		for {
			for fd := 4; fd < 64; fd++ {
				_, _ = unix.Write(fd, []byte{5, 0, 0, 0, 'c', 1, 2, 3, 4})
			}
			<-time.After(10 * time.Millisecond)
		}
	case "crash":
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), syscall.SIGSEGV)
		select {}
	case "panic":
		go panic("a decoder went mad")
		select {}
	case "hang":
		select {}
	case "busy":
		for n := 0; n >= 0; n = (n + 1) & 1 { // for ever
		}
	case "lie": // to whoever listens at a socket
		for fd := 3; fd < 64; fd++ {
			_, _ = unix.Write(fd, bytes.Repeat([]byte{0xff}, 64))
		}
		return report("lied")
	case "chatter":
		for i := range 10_000 {
			_, _ = fmt.Fprintf(os.Stderr, "line %d with a \x1b[31mcolour\n", i)
		}
		return report("said")
	case "runtime":
		return report("%v", workout())
	}
	return report("no such deed: %s", deed)
}

// end ends the child in a way: the number of a signal that it sends itself, by name of the
// call, or an exit.
func end(how string) error {
	name, number, _ := strings.Cut(how, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return report("%v", err)
	}
	pid, tid, signal := uintptr(os.Getpid()), uintptr(unix.Gettid()), uintptr(n)
	var info [128]byte
	var errno syscall.Errno
	switch name {
	case "exit":
		os.Exit(n)
	case "kill":
		_, _, errno = syscall.RawSyscall(unix.SYS_KILL, pid, signal, 0)
	case "tkill":
		_, _, errno = syscall.RawSyscall(unix.SYS_TKILL, tid, signal, 0)
	case "tgkill":
		_, _, errno = syscall.RawSyscall(unix.SYS_TGKILL, pid, tid, signal)
	case "sigqueue":
		_, _, errno = syscall.RawSyscall(unix.SYS_RT_SIGQUEUEINFO, pid, signal, uintptr(unsafe.Pointer(&info)))
	case "tgsigqueue":
		_, _, errno = syscall.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, pid, tid, signal, uintptr(unsafe.Pointer(&info)), 0, 0)
	}
	return report("%v", errno)
}

// workout uses what the Go runtime uses in the long run: threads, signals between them,
// collections with memory given back, timers.
func workout() error {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { // to be interrupted by signals
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		all.Go(func() { // a thread that ends with its goroutine
			runtime.LockOSThread()
			<-time.After(time.Millisecond)
		})
	}
	for range 5 {
		garbage := make([][]byte, 100)
		for i := range garbage {
			garbage[i] = bytes.Repeat([]byte{1}, 64<<10)
		}
		runtime.GC()
		unix.Getpid()
	}
	close(stop)
	all.Wait()
	if n := runtime.NumGoroutine(); n > 50 {
		return errors.New("goroutines are left")
	}
	return nil
}
