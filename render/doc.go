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
// Results of the newest frame of each stream, until a newer frame of it is
// rendered, bounded in bytes and in age. A stream is known by the owner of its
// frames' pixels (see [frame.Frame.Memory]). Nothing kept holds a reference on a
// frame.
//
// # Goroutines
//
// Each picture is made on a goroutine of its own, at most [Config.Parallel] at a
// time; Close ends and awaits them.
package render
