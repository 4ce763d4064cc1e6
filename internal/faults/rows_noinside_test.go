//go:build cgo && !failpoint

package faults

// inside needs points in the worker, which this build does not have.
func inside() map[int]func(*Scene) { return nil }
