package server

import (
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
)

// Note: [Texts of faults]
//
// What is wrong with a camera is said in the words of resolvers, dialers and cameras:
// host names, addresses, ports, banners. Whoever may change the camera needs them, and
// may see its URL anyway. For everybody else there is one text for each class. Whether
// a port is closed or a firewall swallows what is sent to it, those cannot tell.

// Disclosed is what caller may know of a camera, but for its specification, which
// is [Server.describe]'s. Every snapshot that is told to anybody in words passes here.
func Disclosed(caller *auth.Identity, c camera.Snapshot) camera.Snapshot {
	if caller.Sees(Control, c.ID, c.Spec.Labels) {
		return c
	}
	for _, f := range []*camera.FaultStatus{&c.Fault, &c.LastFault} {
		if f.Class != fault.None {
			f.Message = classText(f.Class)
		}
	}
	if c.State == camera.StateDegraded || c.State == camera.StateStalled || c.State == camera.StateFailed {
		c.Cause = classText(c.Fault.Class)
	}
	return c
}

// classText says of a fault what its class says.
func classText(c fault.Class) string {
	switch c {
	case fault.Auth:
		return "the camera refuses the login"
	case fault.NotFound:
		return "the camera has no such stream"
	case fault.Unreachable:
		return "the camera can't be reached"
	case fault.Protocol:
		return "the camera does not keep to its protocol"
	case fault.Unsupported:
		return "the camera's stream can't be decoded here"
	case fault.Busy:
		return "the camera has no session left"
	case fault.Stalled:
		return "the camera sends nothing that can be used"
	case fault.Decode:
		return "decoding fails or is too slow"
	case fault.Limit:
		return "the camera is beyond a limit of the worker"
	case fault.Policy:
		return "the worker's rules forbid the connection"
	default:
		return "something is wrong with the camera"
	}
}
