// Scaling of one row at a time, as "Note: [Scaling in integers]" in package convert
// says: vertically into sums, then along the row. Sums of products have no order in
// integers, so that this is what the truth computes pixel by pixel.
#ifndef FP_HOSTCONV_RESAMPLE_H
#define FP_HOSTCONV_RESAMPLE_H

#include "tensor_loops.h"

typedef struct resampler {
	int size_w, size_h; // of the source
	int w, h;           // of the result
	int step;           // 2: two planes, their samples in turn
	int average;
	int32_t *first, *weight; // w+1 and w: where the samples of a row are from
	int32_t *sum;            // (size_w+1) * step
} resampler;

static inline int64_t centre(int i, int n, int size)
{
	int64_t at = ((int64_t)(2 * i + 1) * size * 65536 / n - 65536) / 2, last = (int64_t)(size - 1) * 65536;
	return at < 0 ? 0 : at > last ? last : at;
}

// resample_begin fills the tables. first has the beginnings of areas, in 256ths, where
// those are averaged.
static inline void resample_begin(resampler *r)
{
	for (int i = 0; i < r->w; i++) {
		int64_t at = centre(i, r->w, r->size_w);
		r->first[i] = r->average ? (int32_t)((int64_t)i * r->size_w * 256 / r->w) : (int32_t)(at >> 16);
		r->weight[i] = (int32_t)(at & 65535) >> 5;
	}
	r->first[r->w] = r->size_w * 256;
}

static inline int overlap(int i, int from, int to)
{
	int begin = i * 256, end = begin + 256;
	return (end < to ? end : to) - (begin > from ? begin : from);
}

// average_row walks along the row once: an area's total is the difference of two running
// totals, which parts of a sample count in. The quotient of whole numbers below 2^53 is
// rounded to a double without reaching the next whole number, so a division of doubles
// finds the same as one of integers, and is fast.
static inline void average_row(const resampler *r, uint8_t *dst, const uint32_t *sum, int rows)
{
	uint64_t whole = 0, before = 0;
	int x = 0;
	for (int i = 0; i < r->w; i++) {
		int left = r->first[i], right = r->first[i + 1];
		int64_t area = (int64_t)(right - left) * rows, total;
		if (right > left) {
			for (; x < right >> 8; x++)
				whole += sum[x * r->step];
			uint64_t now = 256 * whole + (uint64_t)sum[x * r->step] * (right & 255);
			total = (int64_t)(now - before);
			before = now;
		} else { // enlarged more than 256 times
			total = sum[(left >> 8) * r->step];
			area = rows;
		}
		dst[i] = (uint8_t)((double)(total + area / 2) / (double)area);
	}
}

static inline void average_rows(const resampler *r, const uint8_t *at, ptrdiff_t pitch, int y, uint8_t *dst, uint8_t *dst2)
{
	const int n = r->size_w * r->step;
	int top = (int)((int64_t)y * r->size_h * 256 / r->h), bottom = (int)((int64_t)(y + 1) * r->size_h * 256 / r->h);
	uint32_t *sum = (uint32_t *)r->sum;
	if (bottom <= top)
		bottom = top + 1;
	memset(sum, 0, (size_t)(n + r->step) * sizeof *sum);
	for (int row = top >> 8; row * 256 < bottom; row += 2) { // two at a time
		int more = (row + 1) * 256 < bottom;
		const uint8_t *a = at + row * pitch, *b = more ? a + pitch : a;
		TENSOR_CHOOSE(add, sum, a, b, n, overlap(row, top, bottom), more ? overlap(row + 1, top, bottom) : 0);
	}
	average_row(r, dst, sum, bottom - top);
	if (r->step == 2)
		average_row(r, dst2, sum + 1, bottom - top);
}

// resample_row makes row y of the result; dst2 is for the second of two planes.
static inline void resample_row(const resampler *r, const uint8_t *at, ptrdiff_t pitch, int y, uint8_t *dst, uint8_t *dst2)
{
	const int n = r->size_w * r->step;
	if (r->average) {
		average_rows(r, at, pitch, y, dst, dst2);
		return;
	}
	int64_t where = centre(y, r->h, r->size_h);
	const uint8_t *a = at + (where >> 16) * pitch, *b = (where >> 16) + 1 < r->size_h ? a + pitch : a;
	TENSOR_CHOOSE(blend, r->sum, a, b, n, (int32_t)(where & 65535) >> 5);
	if (r->size_w == 2 * r->w && r->step == 1) {
		TENSOR_CHOOSE(halve, dst, r->sum, r->w);
		return;
	}
	if (r->size_w == 2 * r->w) {
		TENSOR_CHOOSE(halve_pairs, dst, dst2, r->sum, r->w);
		return;
	}
	// The last sum has a neighbour in memory, whose weight is none.
	TENSOR_CHOOSE(lerp, dst, r->sum, r->step, r->first, r->weight, r->w);
	if (r->step == 2)
		TENSOR_CHOOSE(lerp, dst2, r->sum + 1, r->step, r->first, r->weight, r->w);
}

#endif
