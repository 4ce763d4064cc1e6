// Package gpu is the CUDA driver as this program needs it: the libraries, opened
// at run time; one device with its one primary context; device and pinned memory,
// streams, events, modules and IPC handles; and who uses how much of it.
//
// # Ownership
//
// A Driver owns the function tables and lives as long as anything made from it. A
// Device owns the primary context. Memory, Pinned, Stream, Event, Module and
// Imported belong to whoever made them and are given back with Close, which may be
// called again and does nothing then. Nothing is ever given back behind the
// caller's back: no finalizers, no exit handlers. Device.Close fails, and names
// what is left, when anything made from it has not been closed.
//
// Every byte of device memory is booked in the Device's Ledger under a Use: a
// purpose and the camera that it is for. Memory that the driver takes on its own,
// behind a decoder or an encoder, is measured around its creation (Device.Measure).
//
// # Goroutines
//
// The package starts none. All methods may be called from any goroutine at any
// time; two calls on the same Stream are ordered only by the callers. Every call
// into C pushes the context, works and pops it again, so that goroutines need not
// be bound to threads. A call that waits for the device holds an operating system
// thread meanwhile: whoever makes many such calls first passes the Device's Gate.
//
// # Errors
//
// What the driver says is an *Error with the operation, the code and, where there
// is something to be done, a reason. Codes that mean the context is lost are noted:
// Device.Health returns them from then on and Device.Lost is closed. Nothing made
// from the Device works again after that, and the process should end.
package gpu
