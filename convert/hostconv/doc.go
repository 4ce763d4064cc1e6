// Package hostconv converts frames in host memory: C kernels for colour and
// layout, bit-exact with the truth in package convert, and swscale for scaling,
// in YCbCr, before anything else is done to the pixels. Tensors are made by kernels of
// their own in one pass, row by row, without a picture in between.
//
// Ownership. Results come from pools that the converter keeps for a few shapes;
// they go back with their last Release, also after Close. A request that changes
// nothing returns the source itself, retained.
//
// Goroutines. None are started. All methods may be called from many goroutines;
// each call works on its own.
package hostconv
