// The AVX2 forms of the loops in loops.h. The packing instructions saturate,
// which is the clamp.
#include <immintrin.h>

#define AVX2 static inline __attribute__((target("avx2")))

// load8 widens eight bytes.
AVX2 __m256i load8(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)); }

// narrow makes 32 bytes in order of four times eight sums.
AVX2 __m256i narrow(__m256i v0, __m256i v1, __m256i v2, __m256i v3)
{
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	__m256i a = _mm256_packs_epi32(_mm256_srai_epi32(v0, 16), _mm256_srai_epi32(v1, 16));
	__m256i b = _mm256_packs_epi32(_mm256_srai_epi32(v2, 16), _mm256_srai_epi32(v3, 16));
	return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a, b), order);
}

AVX2 void chroma_term_avx2(int32_t *restrict term, const uint8_t *restrict u, const uint8_t *restrict v, int n,
			   int32_t a, int32_t b, int32_t c)
{
	const __m256i va = _mm256_set1_epi32(a), vb = _mm256_set1_epi32(b), vc = _mm256_set1_epi32(c);
	int i = 0;
	for (; i + 8 <= n; i += 8) {
		__m256i t = _mm256_add_epi32(_mm256_mullo_epi32(load8(u + i), va), vc);
		t = _mm256_add_epi32(t, _mm256_mullo_epi32(load8(v + i), vb));
		__m256i lo = _mm256_unpacklo_epi32(t, t), hi = _mm256_unpackhi_epi32(t, t);
		_mm256_storeu_si256((__m256i *)(term + 2 * i), _mm256_permute2x128_si256(lo, hi, 0x20));
		_mm256_storeu_si256((__m256i *)(term + 2 * i + 8), _mm256_permute2x128_si256(lo, hi, 0x31));
	}
	chroma_term_plain(term + 2 * i, u + i, v + i, n - i, a, b, c);
}

AVX2 void apply_avx2(uint8_t *restrict dst, const uint8_t *restrict y, const int32_t *restrict term, int n, int32_t a)
{
	const __m256i va = _mm256_set1_epi32(a);
	int i = 0;
#define SUM(k) \
	_mm256_add_epi32(_mm256_mullo_epi32(load8(y + i + (k)), va), _mm256_loadu_si256((const __m256i *)(term + i + (k))))
	for (; i + 32 <= n; i += 32)
		_mm256_storeu_si256((__m256i *)(dst + i), narrow(SUM(0), SUM(8), SUM(16), SUM(24)));
#undef SUM
	apply_plain(dst + i, y + i, term + i, n - i, a);
}

AVX2 void mix_avx2(uint8_t *restrict dst, const uint8_t *u, const uint8_t *v, int n, int32_t a, int32_t b, int32_t c)
{
	const __m256i va = _mm256_set1_epi32(a), vb = _mm256_set1_epi32(b), vc = _mm256_set1_epi32(c);
	int i = 0;
#define SUM(k) \
	_mm256_add_epi32(_mm256_add_epi32(_mm256_mullo_epi32(load8(u + i + (k)), va), vc),                             \
			 _mm256_mullo_epi32(load8(v + i + (k)), vb))
	for (; i + 32 <= n; i += 32)
		_mm256_storeu_si256((__m256i *)(dst + i), narrow(SUM(0), SUM(8), SUM(16), SUM(24)));
#undef SUM
	mix_plain(dst + i, u + i, v + i, n - i, a, b, c);
}

// Compilers make poor code of stores at a distance of three.
AVX2 void pack_avx2(uint8_t *restrict dst, const uint8_t *restrict a, const uint8_t *restrict b,
		    const uint8_t *restrict c, int n)
{
#define S _mm_setr_epi8
	const __m128i a0 = S(0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5);
	const __m128i b0 = S(-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1);
	const __m128i c0 = S(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1);
	const __m128i a1 = S(-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1);
	const __m128i b1 = S(5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10);
	const __m128i c1 = S(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1);
	const __m128i a2 = S(-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1);
	const __m128i b2 = S(-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1);
	const __m128i c2 = S(10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15);
#undef S
	int i = 0;
	for (; i + 16 <= n; i += 16) {
		__m128i va = _mm_loadu_si128((const __m128i *)(a + i));
		__m128i vb = _mm_loadu_si128((const __m128i *)(b + i));
		__m128i vc = _mm_loadu_si128((const __m128i *)(c + i));
		__m128i *out = (__m128i *)(dst + 3 * i);
#define JOIN(x, y, z)                                                                                                  \
	_mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(va, x), _mm_shuffle_epi8(vb, y)), _mm_shuffle_epi8(vc, z))
		_mm_storeu_si128(out, JOIN(a0, b0, c0));
		_mm_storeu_si128(out + 1, JOIN(a1, b1, c1));
		_mm_storeu_si128(out + 2, JOIN(a2, b2, c2));
#undef JOIN
	}
	pack_plain(dst + 3 * i, a + i, b + i, c + i, n - i);
}
