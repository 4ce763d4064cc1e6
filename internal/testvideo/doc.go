// Package testvideo holds short coded clips for tests and for the demo's
// simulated cameras, and the bar code that says which picture of which camera one
// is looking at.
//
// The clips are made by the mkclips command in the folder below and embedded in
// the program. Every picture of a clip (the plain colour clips apart) carries a
// bar code in its luma, see [Stamp] and [ReadBarcode], so that a test can tell
// from the pixels at the far end of a pipeline which picture of which camera they
// show.
//
// The splitter in this package is deliberately its own: the code under test must
// not be what prepares the test.
//
// A [Clip] is immutable once loaded and may be shared between goroutines. The
// package keeps no state and starts nothing.
package testvideo

//go:generate go run ./mkclips -out clips
