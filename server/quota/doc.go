// Package quota bounds what one client may cost: its connections, its streams, and the
// changes of cameras that make the worker dial.
//
// A [Caller] is whose account something is on. [Clients] keeps the accounts of streams
// and changes, one for gRPC and HTTP together. A [Lobby] keeps the connections of one
// server: those that have not yet made a call that was let in wait there, for a time
// and in places of their own, so that strangers can't keep everybody else out.
//
// Refusals are of type [*Refusal]; the servers turn them into their own answers.
//
// Ownership. A lobby's listener owns the connections that it has taken until somebody
// closes them, or it does.
//
// Goroutines. Everything may be used from many; timers of connections run on goroutines
// that end with the connection.
package quota
