// Package gpupeers holds the Python programs that measure the reference stack of
// the GPU backend (README.md). Its only Go is the test that runs their tests.
package gpupeers
