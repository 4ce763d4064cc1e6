#include "kernels.h"

#include <string.h>

#define HALF (1 << 15)
#define ONE (1 << 16)

// Work is done in strips that stay in the first-level cache.
#define STRIP 512

static inline uint8_t clamp8(int32_t v) { return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v; }

// The loops that everything is made of. Each has a plain form, which is the
// definition and which compilers vectorise well on other machines, and a form for
// AVX2, chosen at run time. -DFP_PLAIN leaves the second out.

// chroma_term: term[2i] = term[2i+1] = a*u[i] + b*v[i] + c.
static void chroma_term_plain(int32_t *restrict term, const uint8_t *restrict u, const uint8_t *restrict v, int n,
			      int32_t a, int32_t b, int32_t c)
{
	for (int i = 0; i < n; i++) {
		int32_t t = a * u[i] + b * v[i] + c;
		term[2 * i] = t;
		term[2 * i + 1] = t;
	}
}

// apply: dst[i] = (a*y[i] + term[i]) >> 16, clamped.
static void apply_plain(uint8_t *restrict dst, const uint8_t *restrict y, const int32_t *restrict term, int n, int32_t a)
{
	for (int i = 0; i < n; i++)
		dst[i] = clamp8((a * y[i] + term[i]) >> 16);
}

// mix: dst[i] = (a*u[i] + b*v[i] + c) >> 16, clamped.
static void mix_plain(uint8_t *restrict dst, const uint8_t *restrict u, const uint8_t *restrict v, int n, int32_t a,
		      int32_t b, int32_t c)
{
	for (int i = 0; i < n; i++)
		dst[i] = clamp8((a * u[i] + b * v[i] + c) >> 16);
}

// pack: the bytes of three rows in turn.
static void pack_plain(uint8_t *restrict dst, const uint8_t *restrict a, const uint8_t *restrict b,
		       const uint8_t *restrict c, int n)
{
	for (int i = 0; i < n; i++) {
		dst[3 * i] = a[i];
		dst[3 * i + 1] = b[i];
		dst[3 * i + 2] = c[i];
	}
}

#if defined(__x86_64__) && !defined(FP_PLAIN)
#include "kernels_avx2.h"
#define CHOOSE(name, ...) (__builtin_cpu_supports("avx2") ? name##_avx2(__VA_ARGS__) : name##_plain(__VA_ARGS__))
#else
#define CHOOSE(name, ...) name##_plain(__VA_ARGS__)
#endif

static void chroma_term(int32_t *term, const uint8_t *u, const uint8_t *v, int n, int32_t a, int32_t b, int32_t c)
{
	c -= 128 * (a + b);
	CHOOSE(chroma_term, term, u, v, n, a, b, c);
}

static void apply(uint8_t *dst, const uint8_t *y, const int32_t *term, int n, int32_t a)
{
	CHOOSE(apply, dst, y, term, n, a);
}

static void mix(uint8_t *dst, const uint8_t *u, const uint8_t *v, int n, int32_t a, int32_t b)
{
	CHOOSE(mix, dst, u, v, n, a, b, HALF + 128 * ONE - 128 * (a + b));
}

static void pack(uint8_t *dst, const uint8_t *a, const uint8_t *b, const uint8_t *c, int n)
{
	CHOOSE(pack, dst, a, b, c, n);
}

// apply_flat is apply with the same term everywhere.
static void apply_flat(uint8_t *dst, const uint8_t *y, int n, int32_t a, int32_t c)
{
	// mix with a second operand that doesn't count.
	CHOOSE(mix, dst, y, y, n, a, 0, c);
}

static void join(uint8_t *restrict dst, const uint8_t *restrict u, const uint8_t *restrict v, int n)
{
	for (int i = 0; i < n; i++) {
		dst[2 * i] = u[i];
		dst[2 * i + 1] = v[i];
	}
}

static void split(uint8_t *restrict u, uint8_t *restrict v, const uint8_t *restrict uv, int n)
{
	for (int i = 0; i < n; i++) {
		u[i] = uv[2 * i];
		v[i] = uv[2 * i + 1];
	}
}

static int smaller(int a, int b) { return a < b ? a : b; }

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
