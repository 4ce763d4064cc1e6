// Package media holds the values that travel through Frameport: codecs, pixel
// formats, colour descriptions, access units and the times on them.
//
// Everything here is plain data. There are no goroutines, no I/O and no cgo, and
// nothing is owned: a value that points into a buffer says in its comment until
// when that buffer is valid.
package media
