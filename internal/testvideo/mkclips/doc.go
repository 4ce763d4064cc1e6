// Command mkclips makes the clips of internal/testvideo: it draws every picture
// in Go, pipes the raw planes to the ffmpeg program (with libx264, libx265 and
// libvpx) and writes the coded clips, the hashes of their decoded pictures and the
// manifest.
//
// It is run by go generate ./internal/testvideo, and only when the clips are
// to change: what it writes is committed. One thread codes each clip, so one
// version of ffmpeg always gives the same bytes.
package main
