// Package dl opens shared libraries at run time and finds functions in them, so
// that the program starts on machines which do not have them.
//
// A library is never closed: drivers start threads and register exit handlers of
// their own, and unmapping code that they still run is a crash. A Library belongs
// to whoever opened it, may be used by any number of goroutines, and starts none.
package dl
