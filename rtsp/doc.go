// Package rtsp connects to RTSP cameras: a URL goes in, clean access units come
// out. One connection attempt is [Source.Run]; when to make the next one is
// decided by package retry, and who may make one at the same time by
// [DialLimiter] and [LoginBudget], which all cameras of a process share.
//
// The protocol itself is gortsplib's. This package adds what a client of
// thousands of strange and sometimes hostile cameras needs on top, all of it in
// the two hooks the library calls before it looks at a message itself (see
// Note: [Message hooks] in hooks.go): redirects are counted and stay on one host,
// credentials go only where they were asked for and never in clear to a camera
// that can do better, an expired nonce is told from a wrong password, odd
// session descriptions are reduced to the one track that is wanted, and nothing
// depends on the camera's keepalive answers.
//
// # Ownership
//
// A [Source] owns no socket and no goroutine between Runs. Run owns everything
// it opens, and has closed all of it when it returns. Access units are lent to
// the sink for the length of the call.
//
// # Goroutines
//
// Run blocks its caller and runs the watchdogs there. The library adds one
// goroutine for the session, one reader per socket, one for its RTCP reports and
// one for its writes. The sink is called on a reader, one call at a time: a sink
// that blocks holds up the camera's packets, so it hands over and returns.
// Stats may be called from anywhere at any time.
package rtsp
