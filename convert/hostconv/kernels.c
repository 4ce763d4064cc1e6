#include "kernels.h"

#include "loops.h"

#include <string.h>

void fp_luma(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *y, ptrdiff_t y_pitch, const uint8_t *u, ptrdiff_t u_pitch,
	     const uint8_t *v, ptrdiff_t v_pitch, int w, int h, int phase_x, int phase_y, const int32_t *table)
{
	int32_t term[STRIP + 2];
	const int32_t base = HALF - table[0] * table[3] + table[4] * ONE;

	if (!table[1] && !table[2]) {
		for (int row = 0; row < h; row++, dst += dst_pitch, y += y_pitch) {
			if (table[0] == ONE && table[3] == table[4])
				memcpy(dst, y, w);
			else
				apply_flat(dst, y, w, table[0], base);
		}
		return;
	}
	for (int j = 0; 2 * j - phase_y < h; j++, u += u_pitch, v += v_pitch) {
		int first = 2 * j - phase_y, last = smaller(first + 2, h);
		if (first < 0)
			first = 0;
		for (int x = 0; x < w; x += STRIP) {
			int n = smaller(STRIP, w - x), c = x / 2;
			chroma_term(term, u + c, v + c, (n + phase_x + 1) / 2, table[1], table[2], base);
			for (int row = first; row < last; row++)
				apply(dst + row * dst_pitch + x, y + row * y_pitch + x, term + phase_x, n, table[0]);
		}
	}
}

void fp_chroma(uint8_t *dst_u, ptrdiff_t dst_u_pitch, uint8_t *dst_v, ptrdiff_t dst_v_pitch, const uint8_t *u,
	       ptrdiff_t u_pitch, const uint8_t *v, ptrdiff_t v_pitch, int w, int h, const int32_t *table)
{
	const int same = table[0] == ONE && !table[1] && !table[2] && table[3] == ONE;
	uint8_t cb[STRIP], cr[STRIP];

	for (int row = 0; row < h; row++, u += u_pitch, v += v_pitch) {
		uint8_t *to_u = dst_u + row * dst_u_pitch, *to_v = dst_v ? dst_v + row * dst_v_pitch : NULL;
		for (int x = 0; x < w; x += STRIP) {
			int n = smaller(STRIP, w - x);
			if (dst_v && same) {
				memcpy(to_u + x, u + x, n);
				memcpy(to_v + x, v + x, n);
			} else if (dst_v) {
				mix(to_u + x, u + x, v + x, n, table[0], table[1]);
				mix(to_v + x, u + x, v + x, n, table[2], table[3]);
			} else if (same) {
				join(to_u + 2 * x, u + x, v + x, n);
			} else {
				mix(cb, u + x, v + x, n, table[0], table[1]);
				mix(cr, u + x, v + x, n, table[2], table[3]);
				join(to_u + 2 * x, cb, cr, n);
			}
		}
	}
}

void fp_rgb(uint8_t *dst, ptrdiff_t dst_pitch, const uint8_t *y, ptrdiff_t y_pitch, const uint8_t *u, ptrdiff_t u_pitch,
	    const uint8_t *v, ptrdiff_t v_pitch, int w, int h, int phase_x, int phase_y, const int32_t *table, int bgr)
{
	int32_t term[3][STRIP + 2];
	uint8_t out[3][STRIP];
	int32_t base[3];

	// The tables have the offset of 128 inside, chroma_term has it outside.
	for (int i = 0; i < 3; i++)
		base[i] = table[4 * i + 3] + 128 * (table[4 * i + 1] + table[4 * i + 2]) + HALF;
	for (int j = 0; 2 * j - phase_y < h; j++, u += u_pitch, v += v_pitch) {
		int first = 2 * j - phase_y, last = smaller(first + 2, h);
		if (first < 0)
			first = 0;
		for (int x = 0; x < w; x += STRIP) {
			int n = smaller(STRIP, w - x), c = x / 2;
			for (int i = 0; i < 3; i++)
				chroma_term(term[i], u + c, v + c, (n + phase_x + 1) / 2, table[4 * i + 1],
					    table[4 * i + 2], base[i]);
			for (int row = first; row < last; row++) {
				uint8_t *to = dst + row * dst_pitch + 3 * x;
				const uint8_t *from = y + row * y_pitch + x;
				for (int i = 0; i < 3; i++)
					apply(out[bgr ? 2 - i : i], from, term[i] + phase_x, n, table[4 * i]);
				pack(to, out[0], out[1], out[2], n);
			}
		}
	}
}

void fp_split(uint8_t *dst_u, ptrdiff_t dst_u_pitch, uint8_t *dst_v, ptrdiff_t dst_v_pitch, const uint8_t *uv,
	      ptrdiff_t uv_pitch, int w, int h)
{
	for (int row = 0; row < h; row++)
		split(dst_u + row * dst_u_pitch, dst_v + row * dst_v_pitch, uv + row * uv_pitch, w);
}
