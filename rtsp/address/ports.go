package address

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PortRange are the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

// String returns "554" or "7000-7999".
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// DefaultPorts are those where cameras are looked for when nothing else is said: RTSP's
// own two, those of the web, which some cameras and gateways speak RTSP at, and all that no
// service of a system has by itself.
func DefaultPorts() []PortRange {
	return []PortRange{{80, 80}, {322, 322}, {443, 443}, {554, 554}, {1024, 65535}}
}

// CheckPort says why the worker may not connect to a port, whatever the address; the
// error wraps [ErrDenied] and says what an operator can do about it.
func (p *Policy) CheckPort(port uint16) error {
	ports := p.Ports
	if len(ports) == 0 {
		ports = DefaultPorts()
	}
	if slices.ContainsFunc(ports, func(r PortRange) bool { return r.First <= port && port <= r.Last }) {
		return nil
	}
	all := make([]string, len(ports))
	for i, r := range ports {
		all[i] = r.String()
	}
	have := strings.Join(all, ",")
	return fmt.Errorf("%w: cameras may be at the ports %s; if one is at port %d, start the worker with --camera-ports %s,%d", ErrDenied, have, port, have, port)
}
