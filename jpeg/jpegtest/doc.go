// Package jpegtest is the suite that every JPEG encoder passes. What it makes is
// read with the standard library.
package jpegtest
