// Package backend decides what decodes, converts and encodes on this machine, and
// builds it. It is the only package that imports implementations; everybody else
// sees the contracts.
//
// "No GPU" is a backend like another. Falling back to it is explicit: the reason
// is kept in [Choice] and shown in the log, by `frameport doctor` and in GetWorker.
package backend
