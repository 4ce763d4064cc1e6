package isolated

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Note: [System calls]
//
// The filter knows three kinds of calls. What decoding and the Go runtime need is allowed,
// some of it with arguments of a certain kind only. What no decoder ever does, such as to
// open a socket or to execute a program, kills the process: whoever tries it is not our
// code any more, and gets one attempt. Everything else fails with EPERM, for a C library
// may try a harmless call that nobody has thought of, and can do without.
//
// open belongs to the last kind: glibc's allocator looks at /proc/sys/vm/overcommit_memory
// when it gives memory back.

// rule is a call that is allowed when all its checks pass.
type rule struct {
	number uintptr
	checks []check
}

// check looks at the low 32 bits of an argument.
type check struct {
	argument uint32
	any      uint32   // one of these bits must be set
	none     uint32   // none of these bits may be set
	notAll   uint32   // not all of these bits may be set
	among    []uint32 // it must be one of these
	refuse   bool     // the call fails with EPERM instead of ending the process
}

// ownSignals are what the Go runtime and the C library send to their own threads: to
// interrupt one, and to crash.
func ownSignals() []uint32 {
	return []uint32{
		uint32(unix.SIGURG), uint32(unix.SIGABRT), uint32(unix.SIGSEGV), uint32(unix.SIGBUS), uint32(unix.SIGFPE), uint32(unix.SIGILL), uint32(unix.SIGTRAP),
	}
}

// allowed are the calls that decoding needs; the most frequent ones stand first.
func allowed(pid int) []rule {
	list := []rule{
		{number: unix.SYS_FUTEX},
		{number: unix.SYS_READ},
		{number: unix.SYS_WRITE},
		{number: unix.SYS_EPOLL_PWAIT},
		{number: unix.SYS_NANOSLEEP},
		{number: unix.SYS_RECVMSG},
		{number: unix.SYS_SENDMSG},
		// Not MADV_REMOVE, which takes memory out of a file that the worker reads.
		{unix.SYS_MADVISE, []check{{argument: 2, among: []uint32{
			unix.MADV_DONTNEED, unix.MADV_FREE, unix.MADV_HUGEPAGE, unix.MADV_NOHUGEPAGE, unix.MADV_COLLAPSE, unix.MADV_NORMAL, unix.MADV_RANDOM,
			unix.MADV_SEQUENTIAL, unix.MADV_WILLNEED, unix.MADV_DONTDUMP, unix.MADV_DODUMP, guardInstall, guardRemove,
		}, refuse: true}}},
		// RLIMIT_DATA counts neither shared memory without a file nor what grows downwards.
		{unix.SYS_MMAP, []check{
			{argument: 2, none: unix.PROT_EXEC},
			{argument: 3, none: unix.MAP_GROWSDOWN},
			{argument: 3, notAll: unix.MAP_SHARED | unix.MAP_ANONYMOUS},
		}},
		{unix.SYS_MPROTECT, []check{{argument: 2, none: unix.PROT_EXEC}}},
		{number: unix.SYS_MUNMAP},
		{number: unix.SYS_MREMAP},
		{number: unix.SYS_BRK},
		{number: unix.SYS_CLOSE},
		{number: unix.SYS_FSTAT},
		// Not F_SETOWN and F_SETSIG: with them the kernel sends any signal to any process of
		// the user, whatever the filter says of kill.
		{unix.SYS_FCNTL, []check{{argument: 1, among: []uint32{unix.F_GETFL, unix.F_SETFL, unix.F_GETFD, unix.F_SETFD, unix.F_DUPFD_CLOEXEC}, refuse: true}}},
		{number: unix.SYS_EPOLL_CTL},
		{number: unix.SYS_EPOLL_CREATE1},
		{number: unix.SYS_EVENTFD2},
		{number: unix.SYS_GETSOCKOPT},
		{number: unix.SYS_GETSOCKNAME},
		{number: unix.SYS_GETPEERNAME},
		{number: unix.SYS_SHUTDOWN},
		{number: unix.SYS_CLOCK_GETTIME},
		{number: unix.SYS_CLOCK_NANOSLEEP},
		{number: unix.SYS_GETTIMEOFDAY},
		{number: unix.SYS_GETRANDOM},
		{number: unix.SYS_GETPID},
		{number: unix.SYS_GETTID},
		{number: unix.SYS_SCHED_YIELD},
		{number: unix.SYS_SCHED_GETAFFINITY},
		{number: unix.SYS_RESTART_SYSCALL},
		// Not those with which others end a process: nobody would be to blame.
		{unix.SYS_TGKILL, []check{{argument: 0, among: []uint32{uint32(pid)}}, {argument: 2, among: ownSignals()}}},
		{number: unix.SYS_RT_SIGACTION},
		{number: unix.SYS_RT_SIGPROCMASK},
		{number: unix.SYS_RT_SIGRETURN},
		{number: unix.SYS_SIGALTSTACK},
		// Threads, and no processes.
		{unix.SYS_CLONE, []check{{argument: 0, any: unix.CLONE_THREAD}}},
		{number: unix.SYS_SET_ROBUST_LIST},
		{number: unix.SYS_RSEQ},
		{number: unix.SYS_EXIT},
		{number: unix.SYS_EXIT_GROUP},
		// Go names its mappings.
		{unix.SYS_PRCTL, []check{{argument: 0, among: []uint32{unix.PR_SET_VMA}, refuse: true}}},
	}
	return append(list, allowedHere()...)
}

// fatal are calls that end the process.
func fatal() []uintptr {
	return append([]uintptr{
		unix.SYS_EXECVE, unix.SYS_EXECVEAT,
		unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD,
		unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_SEND_SIGNAL,
		unix.SYS_MOUNT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT,
		unix.SYS_BPF, unix.SYS_IO_URING_SETUP, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEYCTL,
	}, fatalHere()...)
}

// Offsets in struct seccomp_data, for little-endian machines.
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
)

// Advice of later kernels that C libraries give for the guards of stacks.
const (
	guardInstall = 102
	guardRemove  = 103
)

const (
	retAllow  = uint32(unix.SECCOMP_RET_ALLOW)
	retKill   = uint32(unix.SECCOMP_RET_KILL_PROCESS)
	retRefuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	retAbsent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// filter is the program for a process. Every rule ends in a return, so no jump is longer
// than a few instructions.
func filter(pid int) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	jump := func(how uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, Jt: yes, Jf: no, K: k}
	}
	ret := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
	}
	p := []unix.SockFilter{
		load(dataArch), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(retKill),
		load(dataNumber), jump(unix.BPF_JGE, foreignNumbers, 0, 1), ret(retKill),
	}
	for _, r := range allowed(pid) {
		var body []unix.SockFilter
		for _, c := range r.checks {
			otherwise := retKill
			if c.refuse {
				otherwise = retRefuse
			}
			body = append(body, load(dataArgs+8*c.argument))
			switch {
			case c.any != 0:
				body = append(body, jump(unix.BPF_JSET, c.any, 1, 0), ret(otherwise))
			case c.none != 0:
				body = append(body, jump(unix.BPF_JSET, c.none, 0, 1), ret(otherwise))
			case c.notAll != 0:
				body = append(body, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: c.notAll},
					jump(unix.BPF_JEQ, c.notAll, 0, 1), ret(otherwise))
			default:
				for i, value := range c.among {
					body = append(body, jump(unix.BPF_JEQ, value, uint8(len(c.among)-i), 0))
				}
				body = append(body, ret(otherwise))
			}
		}
		body = append(body, ret(retAllow))
		p = append(append(p, jump(unix.BPF_JEQ, uint32(r.number), 0, uint8(len(body)))), body...)
	}
	// Its flags lie in memory, where a filter does not look; C libraries fall back to clone.
	p = append(p, jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), ret(retAbsent))
	for _, number := range fatal() {
		p = append(p, jump(unix.BPF_JEQ, uint32(number), 0, 1), ret(retKill))
	}
	return append(p, ret(retRefuse))
}

// install puts all threads of the process under the program, and everything that they
// start.
func install(program []unix.SockFilter) error {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: unsafe.SliceData(program)}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&p)))
	switch {
	case errno != 0:
		return errno
	case thread != 0:
		return fmt.Errorf("thread %d: %w", thread, errUnsynchronised)
	}
	return nil
}

var errUnsynchronised = errors.New("it has a filter of its own")
