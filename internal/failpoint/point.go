package failpoint

// Variable is the environment variable that says what is armed from the start.
const Variable = "FRAMEPORT_FAILPOINTS"

// Point is a place where a fault can happen. Where a camera is known, it can be made to
// happen to one camera only; [SendBlocks] knows methods instead.
type Point uint8

// Points.
const (
	DecodeError  Point = iota // the decoder fails, and can't be used any more
	DecodeHang                // the decoder does not return until the point is disarmed
	DecodeCrash               // the decoder reads memory that is not there
	FrameMemory               // there is no memory for a picture
	SharedMemory              // there is no room for a region of shared memory
	QueueFull                 // the queue to the decoder has no room
	SendBlocks                // a message is not taken, as by a client that never reads
	DiskFull                  // the disk has no room for the state file
	clockStep                 // the time of day steps; for the variable only
)

// String is the name in [Variable].
func (p Point) String() string {
	switch p {
	case DecodeError:
		return "decode-error"
	case DecodeHang:
		return "decode-hang"
	case DecodeCrash:
		return "decode-crash"
	case FrameMemory:
		return "frame-memory"
	case SharedMemory:
		return "shared-memory"
	case QueueFull:
		return "queue-full"
	case SendBlocks:
		return "send-blocks"
	case DiskFull:
		return "disk-full"
	case clockStep:
		return "clock"
	default:
		return "unknown"
	}
}
