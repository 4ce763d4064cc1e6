//go:build !linux

package rtsp

import (
	"net"
	"time"
)

// setUserTimeout has no equivalent here; the watchdogs notice a dead peer.
func setUserTimeout(net.Conn, time.Duration) {}
