// Package archtest checks, as a test, the rules of this repository that no
// compiler knows: which package may import which (the table of ARCHITECTURE.md),
// where cgo and the large libraries stand, and a few habits that are easily lost
// in review (no init functions, no mutable package variables, no finalizers; who may
// reveal a secret, start a program, or use more of FFmpeg than its decoders).
//
// It reads source files and nothing else: it needs no FFmpeg, no network and no
// build, and files behind build tags count as well. Everything runs on the
// caller's goroutine and belongs to the caller.
package archtest
