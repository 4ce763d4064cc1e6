// Command bitstreams feeds damaged streams to the decoder, the converter and the JPEG
// encoder of the CPU backend, as a camera that was broken or broken into would:
//
//	make bitstreams
//	make bitstreams BITSTREAMS=100000 SEED=7
//
// Every case is made from a clip of internal/testvideo by a generator with the number of
// the case: flipped bits, cut, repeated, dropped and shuffled NAL units, altered parameter
// sets, pieces of streams of other codecs. So `-seed 7 -from 123 -count 1` repeats one.
//
// The cases run in child processes whose memory is limited. A child that dies, that
// works on one case for two seconds of processor time, or that stands still for a minute
// is counted, with the case, and another one goes on behind it. The last line is JSON.
// It ends with status 1 when anything was counted.
package main
