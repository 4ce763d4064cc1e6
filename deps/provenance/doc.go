// Command provenance writes how a file was made, as an in-toto statement with SLSA's
// predicate:
//
//	make release     writes build/release/….intoto.json
//
// The statement is not signed: it tells what to build to get the same bytes
// (make reproducible), and proves nothing about who built it. Commit and source are what
// git says; compilers and FFmpeg are what this machine has.
package main
