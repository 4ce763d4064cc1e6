// Package surface keeps decoded frames in device memory: a [Ring] is one
// allocation with room for a camera's newest frames, each in a [Slot].
//
// # Ownership
//
// A decoder takes a free slot, queues the copy into it on its stream, marks the
// slot ready behind that and publishes its frame. The frame is counted like any
// other, and with its last reference the slot is free again. A ring therefore
// needs more slots than the camera keeps frames: readers hold the others. When
// all are held, Take refuses and the picture is dropped; nobody waits.
//
// The pixels of a published frame may still be on their way. A reader makes its
// stream wait for the slot with [Slot.Wait] first, and gives its reference back
// only when its own work on the pixels is done: the slot may be overwritten from
// then on.
//
// Other processes read a shared ring's slots as well: then [Slot.Begin] comes before the
// writes. See Note: [Sharing].
//
// # Goroutines
//
// A ring waits for a place at the device's gate to be freed, and the last release of
// a retired ring's frame frees it: who has such a place must not release frames.
// The package starts no goroutines. Take and Put belong to the decoder's goroutine; all
// else may be used from anywhere.
package surface
