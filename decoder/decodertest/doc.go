// Package decodertest is the suite that every decoder passes: the same clips,
// the same hashes, the same faults, whatever does the decoding.
//
// Each test books frames into its own [frame.Account] and ends only when that
// reads zero.
package decodertest
