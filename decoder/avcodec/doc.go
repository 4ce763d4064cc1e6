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
// # Shared frames
//
// While somebody wants a camera's frames in memory that other processes map, there is a
// region: a file with slots of one shape. libavcodec asks for each picture's buffer, and
// gets a free slot when the picture fits, or memory of its own; a picture that has to be
// converted is converted into a slot. Nothing is copied, and nothing is lost when no slot
// is free. The first pictures of a stream, or of a new shape, lie elsewhere: where the
// displayed part of a picture begins is known when it comes out, and a region says that
// once for all.
//
// A slot is taken as long as a frame or libavcodec has a reference on its picture. It has
// a generation, which changes before anything else in it does. A region has slots for
// what other processes hold, what the caller keeps, and what libavcodec keeps to refer to
// and to reorder, so that none of them runs out for the others.
//
// A region that is of no use any more ends: no slot of it is taken again, and whoever
// gives back its last picture, on whichever goroutine, closes it. When somebody shortens
// its file, pictures that libavcodec refers to are gone; frames are marked as corrupt then
// until the next random-access unit.
//
// # Goroutines
//
// A Decoder belongs to one goroutine and starts none; libavcodec runs with one
// thread, because many cameras share the machine better than their frames would.
// Frames may be released from anywhere.
package avcodec
