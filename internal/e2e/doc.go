// Package e2e tests the whole worker from outside: simulated cameras on one side,
// gRPC, HTTP and the command line on the other, nothing of the worker's own code in
// between. Its test files start the program as a process of its own, so that
// signals, descriptors, the state folder and the process listing are the real ones.
//
// What stands outside the test files also serves the tests of the program itself:
// [Site] holds simulated cameras, [Load] is many clients at once, [ReadPicture]
// tells which picture of which camera a frame shows.
//
// A Load runs one goroutine per client and ends when the worker does; Wait waits for
// all of them.
package e2e
