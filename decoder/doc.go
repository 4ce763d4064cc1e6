// Package decoder is the contract between a camera and the thing that turns its
// access units into frames. Implementations live in sub-packages; all of them
// pass the suite in decodertest.
//
// A decoder belongs to one goroutine: calls never overlap. It starts no
// goroutines of its own that outlive a call, and keeps no access unit after
// Decode returns. Frames it has emitted stay valid after Close.
package decoder
