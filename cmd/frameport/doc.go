// Command frameport turns RTSP cameras into frames that programs can use. `serve`
// runs the worker; the other commands talk to one over gRPC.
//
// One file holds one subcommand. run.go builds the worker's object graph and
// tears it down; nothing else in the program knows how the pieces are joined.
package main
