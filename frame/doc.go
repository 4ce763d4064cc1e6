// Package frame holds decoded pictures: counted handles, the pools their memory
// comes from, and the ring of newest frames that every consumer reads.
//
// Ownership. A [Frame] is borrowed unless a comment says otherwise: whoever wants
// it after the call that showed it takes a reference with Retain and gives it
// back with Release. Pixels belong to the pool (or decoder) that made the frame
// and return there with the last reference. An [Account] counts what is live, so
// that a shutdown can prove that nothing is.
//
// Goroutines. The package starts none. Frame, Ring, Pool and Account may be used
// from any goroutine; a producer never waits for a consumer.
package frame
