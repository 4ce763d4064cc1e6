// The loops of scaling and of floats; forms as in loops.h. Those that compilers
// vectorise well have the plain text compiled for AVX2.
#ifndef FP_HOSTCONV_TENSOR_LOOPS_H
#define FP_HOSTCONV_TENSOR_LOOPS_H

#include "loops.h"

#include <string.h>

// The caller's memory has no alignment.
typedef float __attribute__((aligned(1), may_alias)) float_at;
typedef uint16_t __attribute__((aligned(1), may_alias)) half_at;

// Weights have 11 bits: "Note: [Scaling in integers]" in package convert.
#define UNIT 2048

// blend: sum[i] = a[i] * (UNIT - weight) + b[i] * weight.
static inline void blend_plain(int32_t *restrict sum, const uint8_t *a, const uint8_t *b, int n, int32_t weight)
{
	for (int i = 0; i < n; i++)
		sum[i] = a[i] * (UNIT - weight) + b[i] * weight;
}

// lerp: dst[i] lies between two of the sums, which are step apart.
static inline void lerp_plain(uint8_t *restrict dst, const int32_t *restrict sum, int step, const int32_t *restrict first,
			      const int32_t *restrict weight, int n)
{
	for (int i = 0; i < n; i++) {
		const int32_t *at = sum + first[i] * step;
		dst[i] = (uint8_t)((at[0] * (UNIT - weight[i]) + at[step] * weight[i] + (1 << 21)) >> 22);
	}
}

// halve is lerp where each result lies in the middle of two sums of its own.
static inline __attribute__((always_inline)) void halve_plain(uint8_t *restrict dst, const int32_t *restrict sum, int n)
{
	for (int i = 0; i < n; i++)
		dst[i] = (uint8_t)((sum[2 * i] + sum[2 * i + 1] + (1 << 11)) >> 12);
}

// halve_pairs is halve for sums of two planes in turn.
static inline __attribute__((always_inline)) void halve_pairs_plain(uint8_t *restrict u, uint8_t *restrict v,
								    const int32_t *restrict sum, int n)
{
	for (int i = 0; i < n; i++) {
		u[i] = (uint8_t)((sum[4 * i] + sum[4 * i + 2] + (1 << 11)) >> 12);
		v[i] = (uint8_t)((sum[4 * i + 1] + sum[4 * i + 3] + (1 << 11)) >> 12);
	}
}

// add: sum[i] += a[i] * weight_a + b[i] * weight_b, with weights up to 256.
static inline void add_plain(uint32_t *restrict sum, const uint8_t *a, const uint8_t *b, int n, int weight_a, int weight_b)
{
	for (int i = 0; i < n; i++)
		sum[i] += (uint32_t)(a[i] * weight_a + b[i] * weight_b);
}

// normal: three planes of floats, code * scale + bias.
static inline void normal_plain(float_at *restrict r, float_at *restrict g, float_at *restrict b, const uint8_t *y,
				const int32_t *const *term, int n, const int32_t *a, const float *scale, const float *bias)
{
	for (int i = 0; i < n; i++) {
		r[i] = (float)clamp8((a[0] * y[i] + term[0][i]) >> 16) * scale[0] + bias[0];
		g[i] = (float)clamp8((a[1] * y[i] + term[1][i]) >> 16) * scale[1] + bias[1];
		b[i] = (float)clamp8((a[2] * y[i] + term[2][i]) >> 16) * scale[2] + bias[2];
	}
}

// weave: the floats of three rows in turn.
static inline void weave_plain(float_at *dst, const float_at *a, const float_at *b, const float_at *c, int n)
{
	for (int i = 0; i < n; i++) {
		dst[3 * i] = a[i];
		dst[3 * i + 1] = b[i];
		dst[3 * i + 2] = c[i];
	}
}

// float16: IEEE 754 binary16, to nearest even; too large becomes infinity. No NaN.
static inline uint16_t float16(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
	if (magnitude >= 0x477ff000)
		return (uint16_t)(sign | 0x7c00);
	if (magnitude >= 0x38800000) { // normal
		uint32_t v = magnitude - 0x38000000;
		return (uint16_t)(sign | (v + 0xfff + (v >> 13 & 1)) >> 13);
	}
	if (magnitude < 0x33000000) // less than half of the smallest
		return (uint16_t)sign;
	uint32_t shift = 126 - (magnitude >> 23), mantissa = (magnitude & 0x7fffff) | 0x800000;
	uint32_t half = 1u << (shift - 1), v = mantissa >> shift, rest = mantissa & ((1u << shift) - 1);
	return (uint16_t)(sign | (v + (rest > half || (rest == half && (v & 1)) ? 1 : 0)));
}

// shorten: floats to binary16.
static inline void shorten_plain(half_at *dst, const float *src, int n)
{
	for (int i = 0; i < n; i++)
		dst[i] = float16(src[i]);
}

#if defined(__x86_64__) && !defined(FP_PLAIN)
#include "tensor_avx2.h"
// Every machine with AVX2 has the other two; a virtual one may hide them.
static inline int has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
#define TENSOR_CHOOSE(name, ...) (has_avx2() ? name##_avx2(__VA_ARGS__) : name##_plain(__VA_ARGS__))
#else
#define TENSOR_CHOOSE(name, ...) name##_plain(__VA_ARGS__)
#endif

#endif
