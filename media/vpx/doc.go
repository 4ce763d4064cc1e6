// Package vpx reads the frame headers of VP8 (RFC 6386) and VP9 (the bitstream
// specification, 0.6): what depayloaders, size limits and hardware decoders have to
// know before anybody decodes.
//
// Everything here is a function of bytes. Nothing is kept and nothing is allocated.
package vpx
