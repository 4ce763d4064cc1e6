// Package hostkernels runs the kernels of package kernels on the CPU: kernels.cu
// compiled by the C++ compiler. It is for tests, which compare it with the truth of
// package convert; it is slow and runs in the caller's goroutine.
package hostkernels
