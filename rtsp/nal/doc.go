// Package nal reads as much of H.264 and H.265 network abstraction layer units
// as is needed to find pictures, random-access points and picture sizes, and no
// more. It holds no state, starts nothing, allocates nothing per slice, and
// takes any bytes at all: an unreadable field is reported, never a panic.
//
// The size is read before everything that cameras get wrong (video usability
// information, scaling lists of the picture parameter set), so that a stream is
// never refused for a field that no decoder needs.
package nal
