package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// folderPatience bounds the wait for another worker that opens a socket in the same
// folder, which takes it a moment.
const folderPatience = 5 * time.Second

// ListenUnix opens a listener on a unix socket. Whoever
// may write to the file can connect: mode are its permissions whatever the umask.
// The socket of a worker that died is replaced, that of a living one is not, and a
// file that is no socket never. Close removes the file, unless it is another's by then.
func ListenUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	unlock, err := lockFolder(ctx, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	// The mode is set before the file exists, so that nobody slips in between.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) { set = syscall.Fchmod(int(fd), uint32(mode.Perm()&0o600)) })
		return errors.Join(err, set)
	}}
	lis, err := lc.Listen(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return nil, fmt.Errorf("%w; the worker may not write to folder %s: choose another path, or give it the folder", err, filepath.Dir(path))
	case errors.Is(err, syscall.EINVAL):
		return nil, fmt.Errorf("%w; the path is too long for a socket: choose a shorter one", err)
	case err != nil:
		return nil, err
	}
	socket := lis.(*net.UnixListener)
	socket.SetUnlinkOnClose(false) // it would remove whatever has the name by then
	l := &socketListener{UnixListener: socket, path: path}
	if err = os.Chmod(path, mode.Perm()); err == nil {
		l.file, err = os.Lstat(path)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(path), socket.Close())
	}
	return l, nil
}

// lockFolder keeps two workers from replacing each other's sockets: without it, one
// could find a dead socket, and remove the other's that took its place since.
func lockFolder(ctx context.Context, folder string) (unlock func(), err error) {
	f, err := os.Open(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w; make the folder of the socket first (in a systemd unit with RuntimeDirectory=), or choose another path", err)
	case err != nil:
		return nil, fmt.Errorf("folder of the socket: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, folderPatience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // which gives the lock back
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("folder %s of the socket is locked by another program: %w; choose another folder", folder, err), f.Close())
		}
	}
}

// removeStale removes the socket at path when nobody listens on it.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is no socket (%v): remove it, or choose another path", path, info.Mode())
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case err == nil:
		_ = conn.Close()
		fallthrough
	case errors.Is(err, syscall.EAGAIN): // its backlog is full
		return fmt.Errorf("%w: another program listens on unix:%s (another frameport?): stop it or choose another path", syscall.EADDRINUSE, path)
	default:
		return fmt.Errorf("%s: does another program listen there? %w; remove the file if not, or choose another path", path, err)
	}
}

// socketListener accepts connections that know who is at the other end.
type socketListener struct {
	*net.UnixListener
	path string
	file fs.FileInfo // the socket's, to know it again
	once sync.Once
	err  error
}

// Accept implements [net.Listener].
func (l *socketListener) Accept() (net.Conn, error) {
	conn, err := l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return socketConn{conn, peerOf(conn)}, nil
}

// Addr implements [net.Listener]: the address as clients write it.
func (l *socketListener) Addr() net.Addr { return socketAddr("unix:" + l.path) }

// Close implements [net.Listener].
func (l *socketListener) Close() error {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
			l.err = os.Remove(l.path)
		}
		l.err = errors.Join(l.err, l.UnixListener.Close())
	})
	return l.err
}

// socketConn is a connection whose remote address is worth logging: a client's end of
// a unix socket has no name.
type socketConn struct {
	net.Conn
	peer socketAddr
}

// RemoteAddr implements [net.Conn].
func (c socketConn) RemoteAddr() net.Addr { return c.peer }

// socketAddr is an address on a unix socket as people read it.
type socketAddr string

// Network implements [net.Addr].
func (socketAddr) Network() string { return "unix" }

// String implements [net.Addr].
func (a socketAddr) String() string { return string(a) }

// peerOf names the process at the other end, as this one sees it: in a container or
// user namespace the numbers may be others, and 0 or 65534 stand for unknown ones.
func peerOf(conn *net.UnixConn) socketAddr {
	raw, err := conn.SyscallConn()
	if err != nil {
		return "unix"
	}
	var cred *syscall.Ucred
	var got error
	err = raw.Control(func(fd uintptr) {
		cred, got = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if errors.Join(err, got) != nil {
		return "unix"
	}
	return socketAddr(fmt.Sprintf("unix:pid=%d,uid=%d", cred.Pid, cred.Uid))
}
