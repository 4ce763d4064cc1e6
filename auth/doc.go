// Package auth decides who calls and what they may do: bearer tokens and client
// certificates, their roles, and the cameras that they are for. It also keeps the
// worker's own certificate.
//
// An auth file lists tokens by the SHA-256 of their text, and names in client
// certificates. [Gate] turns what a call brings ([Evidence]) into an [Identity], which
// looks at the rights in force at every question: what a reload of the file takes away
// is gone at once, also for calls that are under way.
//
// Ownership. [Keys] and [Certificates] own what they read from their files; a set that
// is in force never changes, a reload puts another in its place. A file that can't be
// read or understood leaves the old one in force.
//
// Goroutines. Everything may be used from many. [Reloader] runs the one goroutine that
// looks at the files.
package auth
