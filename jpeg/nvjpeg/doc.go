// Package nvjpeg encodes JPEG on the GPU with NVIDIA's nvJPEG, from planar 4:2:0
// pictures in device memory.
//
// nvJPEG is no part of the driver, so it may be missing: New looks for it in the
// configured folders, where the dynamic linker does, in the CUDA toolkit and in
// Python's packages, newest version first, and takes the first that really encodes
// a picture. A version for a newer driver loads and then fails; the next one is
// tried. When none works the error is ErrUnavailable and JPEG is for the CPU.
//
// # Ownership
//
// An Encoder owns nvJPEG's handle and a fixed number of states, made at construction
// because that takes long and tens of megabytes each; the memory is measured and
// booked in the device's ledger. Every state has a stream for its whole life, as
// nvJPEG wants, and pinned memory that the picture's bytes come through. Close waits
// for the pictures in the works and gives back the states, then the handle; the
// library stays loaded.
//
// # Goroutines
//
// None are started. Encode may be called from many goroutines; as many pictures as
// there are states are encoded at a time, others wait. Encode waits for the device
// and holds an operating system thread meanwhile.
package nvjpeg
