// Package kserve is generated from proto/inference: the Open Inference Protocol (KServe v2)
// over gRPC, with Triton's shared memory, as far as Frameport speaks it.
package kserve
