// Command gpucheck tries Frameport on a machine with an NVIDIA GPU and measures it
// there. It is the program behind run.sh of the GPU bundle (make gpu-bundle):
//
//	gpucheck run -bundle DIR OUTDIR
//
// writes OUTDIR/gpu-check.json for programs and OUTDIR/gpu-check.txt for people. The
// work is cut into parts, one file each; parts.go lists them. Every part runs in a
// process of its own (gpucheck part NAME FILE) with a limit of time, so that one that
// fails, hangs or breaks its context is reported and the rest still runs.
//
// On the simulated driver everything runs with small bounds, and the report says that
// it is simulated: no number in it is about any hardware.
//
// The program reads the card's settings and never changes them, and takes no managed
// memory.
package main
