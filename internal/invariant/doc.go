// Package invariant judges what is seen of cameras, by whoever sees it: a harness within
// the worker's process, or a client of the binary. See Note: [Invariants].
//
// Its judges are told what came, in order, and say what that breaks. They start nothing,
// wait for nothing, and belong to one goroutine each.
//
// # Note: [Invariants]
//
// These hold for every camera at any time, whatever is done to it:
//
//	I1  PTS, numbers and counts rise within an epoch; epochs rise.
//	I2  An undamaged frame shows a picture of its own camera.
//	I3  After Remove there is no frame and the camera has no session.
//	I4  No frame that a reader is given is older than the ring.
//	I5  The first frame of an epoch is undamaged.
//	I6  States change along the graph that package camera documents.
//	I7  No attempt begins before the time that the fault announced.
//	I8  A host sees at most three wrong logins within 30 minutes.
//	I9  Cameras that nobody hurts lose nothing.
//	I10 No secret is in logs, states or messages.
//
// And one more, of the time line: no frame of an epoch was received before one of the
// epoch before it.
package invariant
