// Package httpapi serves frames over HTTP for browsers, home automation and curl:
// the newest JPEG of a camera, MJPEG streams, health, metrics and a page that shows
// all cameras.
//
// Ownership. Cameras, frames and the renderer belong to whoever constructed them; a
// frame is retained while it is rendered. The server owns its listener from Run on.
//
// Goroutines. A request runs on net/http's goroutine. Nothing upstream waits for a
// client: a stream takes the newest frame from the ring when the one before has been
// written, and every write has a deadline.
package httpapi
