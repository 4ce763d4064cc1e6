// Package isolated decodes in child processes, so that what a stream does to a codec
// library ends one child and not the worker.
//
// A [Host] starts the children and places decoders on them, so many to a child. A child
// is this program again, with one argument ([Argument]), and runs [Main] with a decoder
// of another package. A [Decoder] talks to its part of the child over a socket of its
// own: a call sends the access unit and reads until the child is done, so no camera
// waits for another one's answer.
//
// # Memory
//
// Pictures lie in memory that the worker makes and the child asks for: without a name and
// sealed against shrinking, or, while frames are shared, a region of the worker's own
// [shm.Folder]. The child decodes into its slots; the worker maps them and makes frames.
// What is released goes back to the child with the next call. A picture that found no
// slot is copied once, into memory of its own. Frames outlive the decoder and the child.
//
// # Trust
//
// The child may be in the hands of who made the stream: Note: [Child] in harden.go. So
// sizes, offsets and counts of its messages are checked, times are looked up here by
// number, texts are cut and cleaned, what was spent is no more than there was time for, and
// no descriptor is taken from it. A message that can't be ends the child. What remains
// possible is wrong pixels for its own cameras.
//
// # Goroutines
//
// A decoder starts none. The host has three for each child: one waits for the process on
// a thread of its own (PDEATHSIG is about the thread that started a child), one reads its
// standard error, one waits for its first word. Close waits for all of them.
package isolated
