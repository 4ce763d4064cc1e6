// Package gpuconv implements convert.Converter on the GPU, for NV12 frames in
// surfaces (package gpu/surface).
//
// Tensors are one kernel from NV12 to elements, scaling included, and equal the truth's
// but for the rounding of floats. They come to host memory, or stay where the caller's
// device memory is. The hash of a picture is 8 bytes that leave the device.
//
// Pictures for JPEG (I420 in JFIF's colour) stay in device memory, where nvJPEG takes
// them; all others come to host memory through pinned buffers. The order of the work
// is the contract's: the crop is scaled into a scratch picture when the sizes differ,
// then one kernel changes colour and layout and paints the border. Unscaled pictures
// are the truth of package convert to the bit; scaled ones are bilinear at 11 bits of
// weight, or means of areas when a side shrinks to less than half.
//
// # Ownership
//
// A Converter owns a few lanes, each with a stream and pinned memory, and a pool of
// device memory that scratch pictures and results come from. Convert waits until the
// device has done the work, so that its source may be released at once and a result
// is there. Results outlive the converter; those in device memory have to be released
// before the device is closed.
//
// # Goroutines
//
// None are started. All methods may be called from many goroutines; as many pictures
// as there are lanes are in the works at a time, others wait. A call in the works
// holds an operating system thread.
package gpuconv
