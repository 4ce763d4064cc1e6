// Package address decides to which addresses the worker connects when it looks for a
// camera. Whoever may add cameras could otherwise have the worker knock at services of
// its own machine, or at the metadata service of a cloud.
//
// A [Policy] is asked in the dialer, between the resolution of the name and the
// connection, for every address and every time: a name that meant a camera when it was
// looked up first may mean something else later. An address that carries another one
// (IPv4 in IPv6 in all its forms) is judged by both.
//
// Policies don't change and may be used by many goroutines.
package address
