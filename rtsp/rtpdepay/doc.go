// Package rtpdepay turns the RTP packets of one camera stream into access units:
// H.264 (RFC 6184), H.265 (RFC 7798), JPEG (RFC 2435), VP8 (RFC 7741) and VP9 (RFC 9628).
//
// The promise is that a unit is either whole or not delivered. A packet that is
// missing or can't be read taints the unit it belongs to; after that nothing is
// delivered until the next clean random-access point, and the first unit ever
// delivered is one. (Every JPEG picture is its own random-access point.)
//
// What cameras declare is not believed where the packets say otherwise: the
// packetization mode, the marker bit, the parameter sets of the SDP. The quirks
// that are tolerated are listed with the cameras that have them in quirks.md.
//
// # Ownership
//
// A [Stream] copies each payload byte once, into a buffer that it reuses: the
// unit handed to emit is valid during that call only. Packets are not kept after
// Push, except copies of the few that open a possible new source.
//
// # Goroutines
//
// None are started. Push and Lost belong to one goroutine; Stats may be called
// from any. Errors in packets are counted, never returned: Push returns what
// emit returned and nothing else.
package rtpdepay
