// Package mapping translates between the wire contract (frameport.v1) and the types
// that the worker is built of. It holds functions of values: no state, no I/O, no
// goroutines. What a request says wrongly is reported with the path of its field.
package mapping
