// Package stream holds what every decoder does the same, whatever decodes the
// pixels: times that travel with the pictures, limits that are checked before
// anything is allocated, and the size of the frames.
//
// The types belong to one decoder and its goroutine.
package stream
