// Package gpusim reads what the simulated NVIDIA driver left. The driver itself is
// not Go but C++ in the folders below: shared objects with the names of the real
// ones, backed by host memory, that `make gpusim` builds into build/gpusim.
// README.md says what they do, what they are strict about and which environment
// variables they know; package gputest opens them for tests.
//
// The package keeps no state and starts nothing.
package gpusim
