// Package inference is a client of inference servers that speak the Open Inference Protocol
// (KServe v2) over gRPC, with Triton's extension for shared memory.
//
// A [Server] is one of them. [Server.Model] asks whether a model takes our tensors,
// [Server.Map] has the server map memory that they lie in, [Model.Infer] runs the model on
// one tensor: by its place in that memory, or with its bytes in the request. Every request
// has a deadline, and every error wraps one of the sentinels here.
//
// Who calls Map closes the [Mapping], and Servers are closed last; the memory is the
// caller's. A tensor must not change between the call of Infer and its answer; when the
// call fails, the server may read it until the mapping is closed. All methods may be called
// from many goroutines. The package starts none but those of gRPC's connection, which end
// with Close.
//
// # Note: [Names for shm_open]
//
// A server is told a name for shm_open, which takes names directly in /dev/shm and no paths.
// A region of ours lies in the worker's folder, so it gets a second name there, a hard
// link, while the server maps it, and no longer: what the server has mapped stays mapped. A
// server that was restarted has forgotten the region. It says so with an error that names
// it; the region is registered again and the request repeated, once.
package inference
