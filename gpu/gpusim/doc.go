// Package gpusim finds and questions the simulated NVIDIA driver, which is not Go
// but C++ in the folders below: shared objects with the names of the real ones,
// backed by host memory. README.md says what they do, what they are strict about
// and which environment variables they know.
//
// The package is for tests. It opens the objects that `make gpusim` builds into
// build/gpusim, keeps no state and starts nothing.
package gpusim
