// Command bench measures Frameport beside its references, all in one run on one
// machine:
//
//	make bench
//	make bench BENCH_ARGS='-only per_camera -seconds 20 -repeat 3'
//
// It prints a table for people and one JSON object per row for programs. Nothing
// leaves the loopback interface. The cameras are package internal/camsim in a
// child process, so that what sending costs is not booked on who receives; their
// clips are made once with the ffmpeg program and kept in the cache folder.
//
// The program runs itself for the parts that need a process of their own: "bench
// cameras" sends, "bench decode" decodes clips without any network.
//
// One file holds one scenario; scenario.go lists them. Processes are read from
// /proc, so it runs on Linux.
package main
