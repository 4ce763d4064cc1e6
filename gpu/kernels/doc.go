// Package kernels holds Frameport's device code: what turns NV12 and P016 pictures
// in device memory into RGB, JFIF planes, grey, other sizes and tensors, and hashes
// them.
//
// kernels.cu is compiled to PTX (make generate needs clang and nothing of CUDA) and
// the PTX is committed, with a test that it belongs to the source. The driver
// compiles it for the card when [Load] is called, once per device. The same source
// is CPU code in package hostkernels and in the simulated driver; all arithmetic is
// in integers, so the device's pixels are the truth of package convert bit for bit.
//
// A [Set] belongs to one device and may be used from many goroutines. Launches are
// queued on the caller's stream and return at once; memory and parameters are the
// caller's, parameters are copied before the launch returns. Nothing is started.
package kernels
