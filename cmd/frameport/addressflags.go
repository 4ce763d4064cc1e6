package main

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/rtsp"
	"github.com/frameport/frameport/rtsp/address"
)

// addressFlags are the flags about where cameras may be. Networks are added to those of
// the configuration file, ports take the place of those there.
type addressFlags struct {
	CameraAllow    []config.Network `name:"camera-allow" env:"FRAMEPORT_CAMERA_ALLOW" help:"Networks where cameras may be although their addresses are special or denied, such as 169.254.0.0/16; with commas between." placeholder:"CIDR"`
	CameraDeny     []config.Network `name:"camera-deny" env:"FRAMEPORT_CAMERA_DENY" help:"Networks where no camera may be, but for smaller networks in them that are allowed." placeholder:"CIDR"`
	CameraLoopback bool             `name:"camera-loopback" env:"FRAMEPORT_CAMERA_LOOPBACK" help:"Allow cameras on this machine: at 127.0.0.1, ::1 and localhost."`
	CameraPorts    []config.Ports   `name:"camera-ports" env:"FRAMEPORT_CAMERA_PORTS" help:"Ports where cameras may be, such as 554,8554,7000-7999. Default: 80, 322, 443, 554 and all from 1024 on." placeholder:"PORTS"`
}

// apply lays the flags over a.
func (f addressFlags) apply(a *config.CameraAddresses) {
	a.Allow = append(a.Allow, f.CameraAllow...)
	a.Deny = append(a.Deny, f.CameraDeny...)
	a.Loopback = a.Loopback || f.CameraLoopback
	if f.CameraPorts != nil {
		a.Ports = f.CameraPorts
	}
}

// cameraPolicy is what the settings mean for connections to cameras. own are the
// worker's own listeners.
func cameraPolicy(a config.CameraAddresses, own []net.Addr) *address.Policy {
	p := &address.Policy{
		Allow: config.Prefixes(a.Allow), Deny: config.Prefixes(a.Deny), Loopback: a.Loopback, Own: address.Listeners(own),
	}
	for _, r := range a.Ports {
		p.Ports = append(p.Ports, address.PortRange(r))
	}
	return p
}

// admitAddress refuses a camera at an address or port that the policy denies. What address a
// name means is judged when the worker connects.
func admitAddress(policy *address.Policy, spec config.Camera) error {
	u, _, err := rtsp.ParseURL(spec.URL)
	if err != nil {
		return nil // the camera's own fault tells that
	}
	at := u.Address()
	if host, port, _ := net.SplitHostPort(at); strings.EqualFold(host, "localhost") { // RFC 6761, 6.3
		at = net.JoinHostPort("127.0.0.1", port)
	}
	if to, perr := netip.ParseAddrPort(at); perr == nil {
		err = policy.Check(to)
	} else if _, port, serr := net.SplitHostPort(at); serr == nil {
		n, _ := strconv.ParseUint(port, 10, 16) // ParseURL has parsed it
		err = policy.CheckPort(uint16(n))
	}
	if err != nil {
		p := &config.Problems{}
		p.Add("spec.url", config.ReasonURL, "%v", err)
		return p
	}
	return nil
}
