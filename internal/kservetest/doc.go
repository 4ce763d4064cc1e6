// Package kservetest is an inference server for tests: the Open Inference Protocol (KServe
// v2) over gRPC, with models that are Go functions. What is registered as shared memory it
// really opens, as shm_open does, and maps, so that a test that sees the right answer has
// seen the right bytes in memory. Its errors are worded like Triton's.
//
// [Start] runs one in a test's own process, [Serve] in a process of its own. Whoever starts
// one stops it; it has no goroutines after that, and nothing mapped.
package kservetest
