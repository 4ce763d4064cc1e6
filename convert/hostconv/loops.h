// The loops that colour is made of, one row or part of a row at a time. Each has a
// plain form, which is the definition and which compilers vectorise well on other
// machines, and a form for AVX2, chosen at run time. -DFP_PLAIN leaves the second out.
#ifndef FP_HOSTCONV_LOOPS_H
#define FP_HOSTCONV_LOOPS_H

#include <stdint.h>

#define HALF (1 << 15)
#define ONE (1 << 16)

// Work is done in strips that stay in the first-level cache.
#define STRIP 512

static inline uint8_t clamp8(int32_t v) { return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v; }

// chroma_term: term[2i] = term[2i+1] = a*u[i] + b*v[i] + c.
static inline void chroma_term_plain(int32_t *restrict term, const uint8_t *restrict u, const uint8_t *restrict v, int n,
			      int32_t a, int32_t b, int32_t c)
{
	for (int i = 0; i < n; i++) {
		int32_t t = a * u[i] + b * v[i] + c;
		term[2 * i] = t;
		term[2 * i + 1] = t;
	}
}

// apply: dst[i] = (a*y[i] + term[i]) >> 16, clamped.
static inline void apply_plain(uint8_t *restrict dst, const uint8_t *restrict y, const int32_t *restrict term, int n, int32_t a)
{
	for (int i = 0; i < n; i++)
		dst[i] = clamp8((a * y[i] + term[i]) >> 16);
}

// mix: dst[i] = (a*u[i] + b*v[i] + c) >> 16, clamped.
static inline void mix_plain(uint8_t *restrict dst, const uint8_t *restrict u, const uint8_t *restrict v, int n, int32_t a,
		      int32_t b, int32_t c)
{
	for (int i = 0; i < n; i++)
		dst[i] = clamp8((a * u[i] + b * v[i] + c) >> 16);
}

// pack: the bytes of three rows in turn.
static inline void pack_plain(uint8_t *restrict dst, const uint8_t *restrict a, const uint8_t *restrict b,
		       const uint8_t *restrict c, int n)
{
	for (int i = 0; i < n; i++) {
		dst[3 * i] = a[i];
		dst[3 * i + 1] = b[i];
		dst[3 * i + 2] = c[i];
	}
}

#if defined(__x86_64__) && !defined(FP_PLAIN)
#include "loops_avx2.h"
#define CHOOSE(name, ...) (__builtin_cpu_supports("avx2") ? name##_avx2(__VA_ARGS__) : name##_plain(__VA_ARGS__))
#else
#define CHOOSE(name, ...) name##_plain(__VA_ARGS__)
#endif

static inline void chroma_term(int32_t *term, const uint8_t *u, const uint8_t *v, int n, int32_t a, int32_t b, int32_t c)
{
	c -= 128 * (a + b);
	CHOOSE(chroma_term, term, u, v, n, a, b, c);
}

static inline void apply(uint8_t *dst, const uint8_t *y, const int32_t *term, int n, int32_t a)
{
	CHOOSE(apply, dst, y, term, n, a);
}

static inline void mix(uint8_t *dst, const uint8_t *u, const uint8_t *v, int n, int32_t a, int32_t b)
{
	CHOOSE(mix, dst, u, v, n, a, b, HALF + 128 * ONE - 128 * (a + b));
}

static inline void pack(uint8_t *dst, const uint8_t *a, const uint8_t *b, const uint8_t *c, int n)
{
	CHOOSE(pack, dst, a, b, c, n);
}

// apply_flat is apply with the same term everywhere.
static inline void apply_flat(uint8_t *dst, const uint8_t *y, int n, int32_t a, int32_t c)
{
	// mix with a second operand that doesn't count.
	CHOOSE(mix, dst, y, y, n, a, 0, c);
}

static inline void join(uint8_t *restrict dst, const uint8_t *restrict u, const uint8_t *restrict v, int n)
{
	for (int i = 0; i < n; i++) {
		dst[2 * i] = u[i];
		dst[2 * i + 1] = v[i];
	}
}

static inline void split(uint8_t *restrict u, uint8_t *restrict v, const uint8_t *restrict uv, int n)
{
	for (int i = 0; i < n; i++) {
		u[i] = uv[2 * i];
		v[i] = uv[2 * i + 1];
	}
}

static inline int smaller(int a, int b) { return a < b ? a : b; }

#endif
