// Package camera runs cameras: each one's connection, decoding, state and figures,
// and the set of all of them.
//
//	Source ──AccessUnit──▶ intake ──copy──▶ queue ──▶ pipeline ──*Frame──▶ frame.Ring
//	(rtsp)                 (policy,         (whole     (decoder,            (Feed)
//	                        epochs)          GOPs)      publisher)
//
// # Goroutines
//
// A [Manager] runs in Run. Each camera has a supervisor goroutine, on which the
// source runs one attempt after another and which waits between them as the retry
// policy says, and, while its decode mode is not NONE, a decode goroutine. The
// source calls the intake on a goroutine of its own; the intake never blocks on
// decoding: units are copied into a bounded queue, and when that is full whole GOPs
// are dropped. Run and Remove wait for all of them.
//
// # Ownership
//
// A camera owns its source, its queue, its decoder and its ring. Access units are
// copied into buffers of a pool that all cameras share. Frames in the ring are
// counted handles; a reader may keep one after the camera is gone. A [Feed] stays
// valid for ever, its ring closed with [ErrRemoved] or [ErrStopping].
//
// # Note: [States]
//
//	CONNECTING ──▶ RUNNING ◀──▶ DEGRADED
//	    │ ▲           │ ▲           │
//	    ▼ │           ▼ │           ▼
//	    STALLED, FAILED ◀───────────┘        every state ──▶ STOPPED
//
// CONNECTING lasts from the start, or from a change of address or login, to the
// first frame (access unit, with decode mode NONE) or the first failure. FAILED and
// STALLED last over all following attempts until frames flow again, so that a
// camera that is off does not flicker; the fault says when the next attempt is due,
// and no time means that one is going on. DEGRADED means that the connection is
// good but frames do not come as they should: the decoder fails or is too slow, or
// no picture arrives whole (starvation). It
// lasts at least [degradedHold] beyond the last trouble.
//
// # Note: [Epochs and clean frames]
//
// The intake counts epochs: a new one begins with the first unit of a connection,
// with a format of different content, and where the source says that the time line
// broke. Units carry their epoch through the queue; the pipeline drains the decoder
// at each boundary, so no frame comes out under a later epoch than its unit's. The
// decoder itself is kept over a reconnect when the format is equal. Sequence
// numbers count decoded pictures, also those that max_fps keeps out of the ring.
// Until an epoch's first picture without damage nothing is published.
//
// # Note: [Who owns a camera]
//
// Package config says which of camera file, environment and state file wins. The
// manager marks what the API touched as its own and saves exactly that, before the
// change takes effect: a change that can't be saved does not happen.
package camera
