package isolated

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	// foreignNumbers is where those of the x32 ABI begin.
	foreignNumbers = 0x40000000
)

func allowedHere() []rule {
	return []rule{{number: unix.SYS_EPOLL_WAIT}, {number: unix.SYS_TIME}}
}

func fatalHere() []uintptr { return []uintptr{unix.SYS_FORK, unix.SYS_VFORK} }
