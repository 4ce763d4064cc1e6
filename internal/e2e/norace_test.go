//go:build !race && cgo

package e2e

// raceFlags build the worker as the tests are built.
var raceFlags []string
