// Colour and layout kernels. Integer arithmetic as in package convert's tables,
// (sum + 32768) >> 16 and clamped, so results are the same on every machine.
#ifndef FP_HOSTCONV_KERNELS_H
#define FP_HOSTCONV_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// A 4:2:0 source. phase_x and phase_y are 1 where the picture begins in the
// second column or row of a chroma block.

// fp_luma writes w x h luma samples. table: {Y, Cb, Cr, offset in, offset out}.
void fp_luma(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *y, ptrdiff_t y_pitch, const uint8_t *u, ptrdiff_t u_pitch,
	     const uint8_t *v, ptrdiff_t v_pitch, int w, int h, int phase_x, int phase_y, const int32_t *table);

// fp_chroma writes w x h chroma pairs, to two planes or, with dst_v NULL, in
// pairs to one. table: {Cb from Cb, Cb from Cr, Cr from Cb, Cr from Cr}.
void fp_chroma(uint8_t *dst_u, ptrdiff_t dst_u_pitch, uint8_t *dst_v, ptrdiff_t dst_v_pitch, const uint8_t *u,
	       ptrdiff_t u_pitch, const uint8_t *v, ptrdiff_t v_pitch, int w, int h, const int32_t *table);

// fp_rgb writes w x h pixels of three bytes, blue first with bgr. table: rows of
// {Y, Cb, Cr, offset} for R, G and B.
void fp_rgb(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *y, ptrdiff_t y_pitch, const uint8_t *u, ptrdiff_t u_pitch,
	    const uint8_t *v, ptrdiff_t v_pitch, int w, int h, int phase_x, int phase_y, const int32_t *table, int bgr);

// fp_split takes w x h chroma pairs apart.
void fp_split(uint8_t *dst_u, ptrdiff_t dst_u_pitch, uint8_t *dst_v, ptrdiff_t dst_v_pitch, const uint8_t *uv,
	      ptrdiff_t uv_pitch, int w, int h);

// fp_scaler_new returns a swscale context for 8-bit 4:2:0, or NULL.
struct SwsContext *fp_scaler_new(int src_w, int src_h, int dst_w, int dst_h);
int fp_scale(struct SwsContext *c, int src_h, const uint8_t *y, int y_pitch, const uint8_t *u, int u_pitch,
	     const uint8_t *v, int v_pitch, uint8_t *dst_y, int dst_y_pitch, uint8_t *dst_u, int dst_u_pitch,
	     uint8_t *dst_v, int dst_v_pitch);
void fp_scaler_free(struct SwsContext *c);

#endif
