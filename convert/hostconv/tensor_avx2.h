// The AVX2 forms of the loops in tensor_loops.h.
#include <immintrin.h>

#define TENSOR_AVX2 static inline __attribute__((target("avx2,fma,f16c")))

// weigh16 makes sums of products of sixteen samples each; weights has a's in the low
// halves.
TENSOR_AVX2 void weigh16(const uint8_t *a, const uint8_t *b, __m256i weights, __m256i sum[2])
{
	__m128i va = _mm_loadu_si128((const __m128i *)a), vb = _mm_loadu_si128((const __m128i *)b);
	sum[0] = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(va, vb)), weights);
	sum[1] = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpackhi_epi8(va, vb)), weights);
}

TENSOR_AVX2 void blend_avx2(int32_t *restrict sum, const uint8_t *a, const uint8_t *b, int n, int32_t weight)
{
	const __m256i weights = _mm256_set1_epi32(weight << 16 | (UNIT - weight));
	int i = 0;
	for (; i + 16 <= n; i += 16) {
		__m256i v[2];
		weigh16(a + i, b + i, weights, v);
		_mm256_storeu_si256((__m256i *)(sum + i), v[0]);
		_mm256_storeu_si256((__m256i *)(sum + i + 8), v[1]);
	}
	blend_plain(sum + i, a + i, b + i, n - i, weight);
}

TENSOR_AVX2 void add_avx2(uint32_t *restrict sum, const uint8_t *a, const uint8_t *b, int n, int weight_a, int weight_b)
{
	const __m256i weights = _mm256_set1_epi32(weight_b << 16 | weight_a);
	int i = 0;
	for (; i + 16 <= n; i += 16) {
		__m256i *at = (__m256i *)(sum + i), v[2];
		weigh16(a + i, b + i, weights, v);
		_mm256_storeu_si256(at, _mm256_add_epi32(_mm256_loadu_si256(at), v[0]));
		_mm256_storeu_si256(at + 1, _mm256_add_epi32(_mm256_loadu_si256(at + 1), v[1]));
	}
	add_plain(sum + i, a + i, b + i, n - i, weight_a, weight_b);
}

#define lerp_avx2 lerp_plain // loads from many places, which AVX2 has no fast form for

TENSOR_AVX2 void halve_avx2(uint8_t *restrict dst, const int32_t *restrict sum, int n) { halve_plain(dst, sum, n); }

TENSOR_AVX2 void halve_pairs_avx2(uint8_t *restrict u, uint8_t *restrict v, const int32_t *restrict sum, int n)
{
	halve_pairs_plain(u, v, sum, n);
}

TENSOR_AVX2 __m256 normal8(__m256i luma, const int32_t *term, __m256 scale, __m256 bias)
{
	__m256i v = _mm256_srai_epi32(_mm256_add_epi32(luma, _mm256_loadu_si256((const __m256i *)term)), 16);
	v = _mm256_min_epi32(_mm256_max_epi32(v, _mm256_setzero_si256()), _mm256_set1_epi32(255));
	return _mm256_fmadd_ps(_mm256_cvtepi32_ps(v), scale, bias);
}

TENSOR_AVX2 void normal_avx2(float_at *r, float_at *g, float_at *b, const uint8_t *y, const int32_t *const *term, int n,
			     const int32_t *a, const float *scale, const float *bias)
{
	float_at *dst[3] = {r, g, b};
	int i = 0;
	for (; i + 8 <= n; i += 8) {
		__m256i luma = load8(y + i);
		for (int c = 0; c < 3; c++)
			_mm256_storeu_ps((float *)(dst[c] + i),
					 normal8(_mm256_mullo_epi32(luma, _mm256_set1_epi32(a[c])), term[c] + i,
						 _mm256_set1_ps(scale[c]), _mm256_set1_ps(bias[c])));
	}
	const int32_t *rest[3] = {term[0] + i, term[1] + i, term[2] + i};
	normal_plain(r + i, g + i, b + i, y + i, rest, n - i, a, scale, bias);
}

TENSOR_AVX2 void weave_avx2(float_at *dst, const float_at *a, const float_at *b, const float_at *c, int n)
{
	int i = 0;
	for (; i + 4 <= n; i += 4) {
		__m128 va = _mm_loadu_ps((const float *)(a + i));
		__m128 vb = _mm_loadu_ps((const float *)(b + i));
		__m128 vc = _mm_loadu_ps((const float *)(c + i));
		float *out = (float *)(dst + 3 * i);
		// Elements 0 and 2 of pairs like b1 b1 c1 c1 and a2 a2 b2 b2.
#define PAIR(x, y, k) _mm_shuffle_ps(x, y, _MM_SHUFFLE(k, k, k, k))
#define JOIN(x, y) _mm_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0))
		_mm_storeu_ps(out, JOIN(PAIR(va, vb, 0), _mm_shuffle_ps(vc, va, _MM_SHUFFLE(1, 1, 0, 0))));
		_mm_storeu_ps(out + 4, JOIN(PAIR(vb, vc, 1), PAIR(va, vb, 2)));
		_mm_storeu_ps(out + 8, JOIN(_mm_shuffle_ps(vc, va, _MM_SHUFFLE(3, 3, 2, 2)), PAIR(vb, vc, 3)));
#undef JOIN
#undef PAIR
	}
	weave_plain(dst + 3 * i, a + i, b + i, c + i, n - i);
}

TENSOR_AVX2 void shorten_avx2(half_at *dst, const float *src, int n)
{
	int i = 0;
	for (; i + 8 <= n; i += 8)
		_mm_storeu_si128((__m128i *)(dst + i), _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
	shorten_plain(dst + i, src + i, n - i);
}
