// Package avcodec decodes H.264, H.265, MJPEG, VP8 and VP9 on the CPU with FFmpeg's
// libavcodec, through go-astiav.
//
// # Pixels
//
// A frame's planes are libavcodec's own picture buffers: the frame holds a
// reference on them and nothing is copied. They stay valid after Close, and the
// memory returns to libavcodec's pool with the last Release, on whichever
// goroutine that happens. Only pictures that are not 8-bit 4:2:0, or larger than
// the wanted size, are converted, once, into a buffer of a [frame.Pool].
//
// Interlaced streams give one frame per coded frame, both fields woven together;
// nothing is deinterlaced. Pictures with a high dynamic range lose their low bits
// and are not tone-mapped.
//
// # Goroutines
//
// A Decoder belongs to one goroutine and starts none; libavcodec runs with one
// thread, because many cameras share the machine better than their frames would.
// Frames may be released from anywhere.
package avcodec
