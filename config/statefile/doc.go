// Package statefile keeps the cameras that were added, changed and removed through
// the API across restarts, in one file: cameras.json in the state folder.
//
// # Format
//
// Two parts, divided by the first line end: a JSON header with format, version,
// length and SHA-256 of the second part, and the second part, a JSON array of
// cameras, one a line, with the field names of the API. The file is mode 0600 in a folder of mode
// 0700; one that group or others can access is refused. With a [Key] all of it is
// encrypted, in version 2 of the header (Note: [Sealing]); without one it holds passwords
// in the clear.
//
// # Safety
//
// A write goes to a temporary file that is synced and renamed over the old one, so
// a crash leaves the old state or the new one. A file that is torn, altered, of
// another program or of a newer version is reported by [Open] with what to do, and
// never overwritten: [File.Save] exists only after a successful Open. A lock file
// keeps two processes from using one folder.
//
// # Ownership and goroutines
//
// A [File] owns the lock until Close. Its methods may be called from any goroutine;
// saves happen one after another. The package starts no goroutines.
package statefile
