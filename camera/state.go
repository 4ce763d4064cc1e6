package camera

// State is how a camera is, in one word. See Note: [States].
type State uint8

// The states. The zero value is that of a camera that was just added.
const (
	StateConnecting State = iota // connecting, or waiting for the first frame
	StateRunning                 // frames flow; with decode mode NONE, access units
	StateDegraded                // connected, but frames do not come as they should
	StateStalled                 // was connected, but nothing came
	StateFailed                  // the last attempt failed
	StateStopped                 // removed or shutting down
)

// String returns the state's name as in the API ("RUNNING").
func (s State) String() string {
	names := [...]string{"CONNECTING", "RUNNING", "DEGRADED", "STALLED", "FAILED", "STOPPED"}
	if int(s) < len(names) {
		return names[s]
	}
	return "UNKNOWN"
}

// mayBecome is the transition graph: from a state to those it may change into.
func (s State) mayBecome(to State) bool {
	if to == StateStopped {
		return s != StateStopped
	}
	switch s {
	case StateConnecting:
		return to == StateRunning || to == StateDegraded || to == StateStalled || to == StateFailed
	case StateRunning:
		return to == StateDegraded || to == StateStalled || to == StateFailed || to == StateConnecting
	case StateDegraded:
		return to == StateRunning || to == StateStalled || to == StateFailed || to == StateConnecting
	case StateStalled:
		return to == StateRunning || to == StateDegraded || to == StateFailed || to == StateConnecting
	case StateFailed:
		return to == StateRunning || to == StateDegraded || to == StateStalled || to == StateConnecting
	default:
		return false
	}
}
