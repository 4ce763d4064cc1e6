// Package apierr builds and reads the errors of Frameport's gRPC API.
//
// Every error is a gRPC status with google.rpc.ErrorInfo in its details: domain
// "frameport", a [Reason] that programs branch on, and metadata. The code says what
// kind of trouble it is, the reason which, and the message what to do, for people.
// Where they help there are also google.rpc.BadRequest (which field) and
// google.rpc.RetryInfo (when to try again).
//
// Servers call [New] and [Invalid]; Go clients call [ReasonOf], [Metadata],
// [Violations] and [RetryDelay] on whatever error a call returned, wrapped or not:
//
//	if reason, ok := apierr.ReasonOf(err); ok && reason == apierr.NoFrameYet { … }
//
// The package holds no state and starts no goroutines.
package apierr
