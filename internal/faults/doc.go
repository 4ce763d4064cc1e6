// Package faults runs the worker against everything that cameras, networks and
// clients have been seen to do wrong: a fleet of simulated cameras, one of which is
// hurt at a time, each row of the [Catalogue] with a scenario of its own.
//
// Rows from 76 on, and two before, happen inside the worker, at the points of
// internal/failpoint: only builds with that tag have them.
//
// The worker is the real object graph (backend, cameras, gRPC) within this process,
// so that goroutines, descriptors and memory can be counted around it. The cameras
// are those of internal/camsim; their pictures carry bar codes, so what arrives is
// read from the pixels.
//
// A row is survived when its scenario sees the wanted behaviour, and when for all
// cameras the invariants hold, see package invariant and Note: [Watching]. The scenarios are in the test
// files: `make faults` runs all of them, `make test` a few.
//
// # Goroutines
//
// A [Worker] has those of what it is made of, one per watched camera that reads its
// frames, and one that looks at states. Close ends all and waits for them.
package faults
