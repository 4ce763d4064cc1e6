// Package convert is the contract for turning a frame into the picture somebody
// asked for: crop, scale, fit, colour and pixel layout. It also holds the truth:
// a plain Go implementation, slow and obvious, that every converter is compared
// with, and the integer tables that all of them use, so that they agree to the
// bit. Implementations live in sub-packages and pass the suite in converttest.
//
// # Order of the work
//
// A request is resolved into a [Geometry]. The crop is cut out, scaled to the
// inner rectangle when the sizes differ, and only then changed in colour and
// layout. Chroma is never interpolated: every pixel uses the sample its 2x2 block
// has (an odd crop keeps the pixels' own samples for luma and RGB, and begins
// 4:2:0 output with the sample of its first pixel). Scaling is the one step
// whose result implementations may differ in.
//
// # Tensors
//
// A [Tensor] has the geometry of a picture of its size and fit. Here scaling is defined
// too ("Note: [Scaling in integers]"), so that a model sees the same numbers whichever
// implementation is at work. [Tensorer] and [Hasher] are what a converter can be besides.
package convert
