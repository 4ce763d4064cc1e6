package main

import "syscall"

// diesWithUs lets the kernel end a child whose starter was killed.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
