package isolated

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is one child.
type process struct {
	number int
	alone  bool // for a stream under suspicion
	places int
	born   time.Time
	floor  int64         // what the peak of its memory is at least, in bytes; supervise's
	ready  chan struct{} // closed when it can take decoders, or has failed
	dead   chan struct{} // closed when it is gone, and who is to blame is known

	// set before dead is closed, for who has waited for that
	err    error // why it has ended
	worked bool  // it had got ready: another one may do better

	// under Host.mu
	links   map[*link]struct{} // its decoders
	pid     int
	kill    func()
	greeted bool   // it has got ready
	ending  bool   // we want it to end
	cause   string // why we have ended it
	guilty  *link  // whose fault that is
	control *net.UnixConn
}

// ending is how a child ended.
type ending struct {
	text     string
	said     string // the last line on its standard error
	ownDoing bool   // of the child: nobody outside did it
	killed   bool   // by signal 9
	peak     int64  // of its memory, in bytes
}

// Memory beside its pictures that a child may have had when it is killed with signal 9, so
// that this blames nobody: many times what decoders take.
const (
	fairData      = 256 << 20
	fairPerCamera = 64 << 20
)

// overate sees to it that a child which the system has killed for want of memory had that
// coming when it was the one that had it.
func (p *process) overate(end ending) ending {
	fair := int64(fairData)
	for l := range p.links {
		fair += fairPerCamera
		if l.memory != nil {
			fair += l.memory.size()
		}
	}
	if end.killed && p.cause == "" && end.peak > max(fair, p.floor) {
		end.ownDoing = true
		end.text += fmt.Sprintf("; it had taken %d MiB", end.peak>>20)
	}
	return end
}

// endLocked ends a child that is not needed.
func (p *process) endLocked() {
	p.ending = true
	p.killLocked()
}

// killLocked ends a child that has been started; who starts it asks again.
func (p *process) killLocked() {
	if p.kill != nil {
		p.kill()
	}
}

// supervise is the life of a child. PDEATHSIG comes when the thread ends that started it,
// so the goroutine has one of its own as long as the child lives.
func (h *Host) supervise(p *process) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.dead)
	ready := sync.OnceFunc(func() { close(p.ready) })
	defer ready()

	cmd, control, output, err := p.start(h.cfg.Command)
	if err != nil {
		h.ended(p, ending{text: "it could not be started: " + err.Error()})
		return
	}
	h.mu.Lock()
	p.pid, p.control = cmd.Process.Pid, control
	p.kill = func() { _ = cmd.Process.Kill() }
	if p.ending || p.cause != "" {
		p.killLocked()
	}
	h.mu.Unlock()
	h.cfg.Logger.Info("decoder process started", "process", p.number, "pid", p.pid, "places", p.places)

	said := make(chan string, 1)
	h.running.Go(func() { said <- h.listen(p, output) })
	h.running.Go(func() {
		var word [1]byte
		if err := control.SetReadDeadline(time.Now().Add(startPatience)); err == nil {
			_, err = io.ReadFull(control, word[:])
			if err == nil && word[0] == hello {
				h.mu.Lock()
				p.greeted = true
				h.mu.Unlock()
				ready()
				return
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if p.cause == "" {
			p.cause = "it did not get ready"
		}
		p.killLocked()
	})
	err = cmd.Wait()
	end := how(cmd.ProcessState, err)
	end.said = <-said
	if end.said != "" {
		end.text += ": " + end.said
	}
	h.ended(p, end)
	_ = control.Close()
}

// start starts the child, with two descriptors beside the standard ones: its log and its
// socket.
func (p *process) start(command []string) (cmd *exec.Cmd, control *net.UnixConn, output *os.File, err error) {
	control, other, err := controlPair()
	if err != nil {
		return nil, nil, nil, err
	}
	defer other.Close()
	output, log, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, errors.Join(err, control.Close())
	}
	defer log.Close()
	cmd = exec.Command(command[0], command[1:]...)
	cmd.Args[0] = "frameport"
	cmd.Dir = "/"
	cmd.Env = []string{
		// Settings of the Go runtime: it keeps files open to follow the limits of a
		// container, which the child is not allowed.
		fmt.Sprintf("GOMAXPROCS=%d", runtime.GOMAXPROCS(0)),
		"GODEBUG=containermaxprocs=0,updatemaxprocs=0",
		fmt.Sprintf("%s=%d", placesVariable, p.places),
	}
	cmd.Stderr = log
	cmd.ExtraFiles = []*os.File{other}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Setpgid:   true, // Ctrl-C is for the worker
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, nil, errors.Join(err, control.Close(), output.Close())
	}
	// Until it executed the program it shared our memory, which counts as its own.
	var ours syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ours); err == nil {
		p.floor = ours.Maxrss << 10
	}
	return cmd, control, output, nil
}

// controlPair makes the socket over which a child gets those of its decoders. Our end
// waits in the poller: nobody may hang for it.
func controlPair() (ours *net.UnixConn, other *os.File, err error) {
	fd, other, err := pair()
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(fd), "decoder process")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("socket for a decoder process: %w", err), other.Close())
	}
	return conn.(*net.UnixConn), other, nil //nolint:forcetypeassert // it was made as one
}

// how reads the end of a child.
func how(state *os.ProcessState, err error) ending {
	if state == nil {
		return ending{text: err.Error()}
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return ending{text: state.String(), ownDoing: true}
	}
	switch s := status.Signal(); s {
	case syscall.SIGKILL: // by the system for want of memory, or by a person
		end := ending{text: "killed by signal 9, as the kernel does when memory runs out", killed: true}
		if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
			end.peak = usage.Maxrss << 10
		}
		return end
	case syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		return ending{text: state.String()}
	case syscall.SIGSYS:
		return ending{text: "it tried a system call that no decoder makes (SIGSYS)", ownDoing: true}
	default:
		return ending{text: state.String(), ownDoing: true}
	}
}

const (
	maxLine       = 300 // bytes of what a child says in a line
	linesASecond  = 5
	linesRepeated = "decoder process said more"
)

// listen logs what a child says, not all of it when it says much, and returns the line
// that most likely says why it ended: the first one of a crash.
func (h *Host) listen(p *process, output *os.File) (first string) {
	defer output.Close()
	lines := bufio.NewReaderSize(output, maxLine)
	var second time.Time
	n, skipped := 0, 0
	for {
		line, long, err := lines.ReadLine()
		if err != nil {
			break
		}
		for long && err == nil {
			_, long, err = lines.ReadLine()
		}
		if now := time.Now(); now.Sub(second) > time.Second {
			if skipped > 0 {
				h.cfg.Logger.Warn(linesRepeated, "process", p.number, "lines", skipped)
			}
			second, n, skipped, first = now, 0, 0, ""
		}
		text := clean(line)
		if text == "" {
			continue
		}
		if first == "" {
			first = text
		}
		if n++; n > linesASecond {
			skipped++
			continue
		}
		h.cfg.Logger.Warn("decoder process says", "process", p.number, "line", text)
	}
	if skipped > 0 {
		h.cfg.Logger.Warn(linesRepeated, "process", p.number, "lines", skipped)
	}
	return first
}
