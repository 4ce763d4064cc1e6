// Package turbo encodes JPEG with libjpeg-turbo, straight from planar 4:2:0 or
// GRAY8 frames in host memory.
//
// # Ownership
//
// An Encoder holds a fixed number of TurboJPEG handles, made at construction;
// that is also how many pictures are encoded at a time, others wait. Close waits
// for the pictures in the works.
//
// # Goroutines
//
// None are started. Encode may be called from many goroutines.
package turbo
