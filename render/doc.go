// Package render makes the picture a caller wants from a frame: converted,
// encoded, ready to be sent.
//
// However many callers want the same picture of the same frame, it is made once:
// those that come while it is made share the work, those that come later get the
// kept result. A caller that gives up leaves the others alone; work that nobody
// waits for any more is cancelled.
//
// # What is kept
//
// Pictures hang on their frame (see [frame.Frame.Derived]): they live as long as the
// ring or a reader keeps the frame, and what was made of a camera's frames goes with
// the camera. All kept pictures together are bounded in bytes; the oldest go first.
// Nothing kept holds a reference on a frame.
//
// # Goroutines
//
// Each picture is made on a goroutine of its own, at most [Config.Parallel] at a
// time; Close ends and awaits them.
package render
