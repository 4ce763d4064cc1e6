// Package shm makes files that other processes on the machine map: regions of shared
// memory. They lie in a [Folder] that belongs to one worker, are made with all their
// space, and are gone when the worker is, or when the next one starts.
//
// Whoever made a region owns it: nobody may use its bytes after Close. A folder is
// closed after its regions. A region can have a second name for a while, a [Link], for
// programs that use shm_open. Folders and regions may be used by many goroutines; the
// package starts none.
//
// # Note: [Files that shrink]
//
// Another process of the same user can truncate a region's file at any time. The pages
// behind its new end are then gone, and whoever touches them gets SIGBUS, which ends the
// process when it happens in C code. So the package has a handler for that signal: for
// an address in one of its regions it puts private memory in the place of the whole
// region, marks it as broken, and lets the instruction run again. What is written then
// reaches nobody. Whoever wrote asks [Region.Err] before telling others. Every other
// SIGBUS goes on to the handler that was there before, which is that of Go.
package shm
