// Package figures writes measurements down: a JSON object per line, with the machine,
// the commit and the load that they were made at. Targets that were missed are written
// like those that were met.
//
// A [Journal] starts nothing; its methods may be called from any goroutine.
package figures
