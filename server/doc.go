// Package server serves Frameport's gRPC contract (package frameport.v1): cameras,
// frames and the worker itself, with health and reflection beside them. Sub-package
// mapping translates between the contract and the types inside; sub-package httpapi
// serves the same frames over HTTP.
//
// Ownership. The server owns its listener from Run on. Cameras, frames and the
// renderer belong to whoever constructed it; frames are retained for as long as one
// is being rendered, pictures are shared with the renderer's cache and never
// written.
//
// Goroutines. A call runs on gRPC's goroutine. What may block for longer than the
// call is allowed to (a write to a client that doesn't read, a read from one that
// doesn't write, one rendering) runs on a goroutine of its own that ends with the
// call; Run waits for all of them. Note: [Slow clients] says how no client can slow
// a camera or another client.
package server
