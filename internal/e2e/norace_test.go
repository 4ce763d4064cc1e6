//go:build !race && cgo

package e2e

// raceFlags build the worker as the tests are built.
var raceFlags []string

// slowdown divides the frame rates of cameras whose frames are counted.
const slowdown = 1
