package isolated

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Note: [Child]
//
// A child decodes what strangers send, with C code that has had bugs. So before it reads a
// byte of a stream it gives up everything else:
//
//   - Descriptors: what it was started with is closed but for standard error, a pipe to
//     the worker's log, and the worker's socket. Standard input and output are that pipe
//     too, so that no other descriptor gets their numbers.
//   - Environment: the worker gives it three settings of the Go runtime and nothing else.
//   - Limits: no core dumps, no files, few descriptors, bounded memory.
//   - The system takes it, and not the worker, when the machine's memory runs out.
//   - It can't be traced or dumped by others of its user, and can gain no privilege.
//   - A seccomp filter, for all threads: Note: [System calls] in seccomp.go. There is no
//     way to open, connect, fork or execute.
//   - It is killed when the worker ends (PDEATHSIG), and ends when its socket is closed.
//
// What fails here ends the child: there is no decoding without.

// files of a child beside those of its decoders: standard ones, socket, poller.
const fewFiles = 16

// filesPerCamera are a decoder's socket and its regions, old and new.
const filesPerCamera = 16

// Memory of a child: what it maps privately, for itself and for each camera. Regions are
// shared; the worker bounds them.
const (
	ownData       = 512 << 20
	dataPerCamera = 384 << 20
	// Address space is reserved generously by the Go runtime and the C library.
	ownSpace       = 8 << 30
	spacePerCamera = 4 << 30
)

// places is what a child is told by the worker in its environment.
const placesVariable = "FRAMEPORT_DECODERS"

// inherit closes what the child should not have, and returns for how many decoders it is.
func inherit() (places int, err error) {
	if _, err := fmt.Sscan(os.Getenv(placesVariable), &places); err != nil || places < 1 || places > MaxCameras {
		return 0, fmt.Errorf("%s is for the worker's own use", Argument)
	}
	for fd := range 2 {
		if err := unix.Dup3(2, fd, 0); err != nil {
			return 0, fmt.Errorf("standard files: %w", err)
		}
	}
	if err := closeInherited(); err != nil {
		return 0, fmt.Errorf("close what is inherited: %w", err)
	}
	// They go to the whole group or unit when the worker is to end, and mean the worker:
	// it still needs its children then.
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	os.Clearenv()
	volunteer()
	return places, os.Chdir("/")
}

// volunteer has the system take this process before the worker when memory runs out. It
// may not be possible, and then the system takes whom it likes.
func volunteer() {
	const file, more, most = "/proc/self/oom_score_adj", 500, 1000
	var now int
	if text, err := os.ReadFile(file); err == nil {
		if _, err := fmt.Sscan(string(text), &now); err == nil {
			_ = os.WriteFile(file, []byte(strconv.Itoa(min(now+more, most))), 0o644)
		}
	}
}

// closeInherited closes what nobody has meant for the child. Descriptors that the Go
// runtime has opened since are closed at an exec, and can't be inherited: so they are told
// apart.
func closeInherited() error {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range list {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			return err
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if fd <= controlFile || err != nil || flags&unix.FD_CLOEXEC != 0 { // err: it was the list's own
			continue
		}
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	unix.CloseOnExec(controlFile)
	return nil
}

// limit sets the limits that hold whatever the filter misses.
func limit(places int) error {
	n := uint64(places)
	for _, l := range []struct {
		resource int
		name     string
		max      uint64
	}{
		{unix.RLIMIT_CORE, "core", 0},
		{unix.RLIMIT_FSIZE, "file size", 0},
		{unix.RLIMIT_NOFILE, "open files", fewFiles + n*filesPerCamera},
		{unix.RLIMIT_DATA, "data", ownData + n*dataPerCamera},
		{unix.RLIMIT_AS, "address space", ownSpace + n*spacePerCamera},
	} {
		var now unix.Rlimit
		if err := unix.Prlimit(0, l.resource, nil, &now); err != nil {
			return fmt.Errorf("limit of %s: %w", l.name, err)
		}
		l.max = min(l.max, now.Max)
		if err := unix.Prlimit(0, l.resource, &unix.Rlimit{Cur: l.max, Max: l.max}, nil); err != nil {
			return fmt.Errorf("limit of %s: %w", l.name, err)
		}
	}
	return nil
}

// confine is the last step: from then on only what the filter allows works.
func confine() error {
	runtime.LockOSThread() // what a thread gives up the filter's synchronisation spreads
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	if err := install(filter(os.Getpid())); err != nil {
		return fmt.Errorf("seccomp filter: %w; it needs Linux 4.14 with CONFIG_SECCOMP_FILTER, and a container that allows seccomp()", err)
	}
	return nil
}
