//go:build race

package faults

// shadowed is true when the race detector's own memory hides that of C.
const shadowed = true
