// Package camsim simulates RTSP cameras: one [Server] holds any number of them,
// each at its own path, and sends coded clips of internal/testvideo over RTSP 1.0
// (RFC 2326) and RTP (RFC 3550, 6184, 7798, 2435,
// 7741, 9628). The demo shows them, and tests
// make them misbehave in the ways real cameras do, see [Behaviour].
//
// It is written on package net alone and shares no code with the RTSP client
// under test: two ends of one library agree with each other even where both are
// wrong.
//
// # Time
//
// A camera's pictures leave at the clip's rate. RTP timestamps are a function of
// the wall clock since the camera was added, so they rise across loops of the
// clip and across reconnects, and a sender report maps them to the very time at
// which [Sent] says a picture left. A camera begins its clip anew whenever its
// first viewer plays; later viewers join wherever it is.
//
// # Sessions
//
// A connection holds at most one session, which ends with it, by TEARDOWN, or when
// nothing at all came over the connection for the camera's timeout.
//
// # Tunnels
//
// A server takes RTSP through HTTP (a GET and a POST, joined by their x-sessioncookie)
// and through WebSocket, at any path and at the same port as RTSP itself, which it does
// without when [Config].TunnelsOnly is set.
//
// # Goroutines
//
// One per server to accept, one per connection to read and, once it plays over
// TCP, one to write, one per camera while it has viewers, two per server once UDP
// is used. [Server.Close] ends all and waits for them. A viewer that does not
// take its data loses pictures and never delays another.
package camsim
