// Package nvml reads a GPU's counters: how busy it and its decoders are, how much
// memory is used, and how much of that is this process's. It is for reports and
// for placing cameras; nothing works less without it.
//
// NVML is opened at run time, by github.com/NVIDIA/go-nvml, which only this package
// imports.
//
// # Note: [Linker flag]
//
// go-nvml calls NVML's functions without linking them, so its linker flags let a
// binary link with undefined C symbols: also with ours, which then crash at their
// first call. Packages with C code of their own therefore never import this one,
// so that their tests link without the flag and fail; internal/archtest checks it.
// For the same reason a function that the machine's NVML lacks ends the process
// when it is called: every function is looked up before its first use.
//
// A Monitor belongs to whoever opened it, is safe for concurrent use and starts no
// goroutines. A reading takes milliseconds: once a second is often.
package nvml
