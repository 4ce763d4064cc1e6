#include "tensor.h"

#include "resample.h"

// work is a tensor in the making.
typedef struct work {
	const fp_tensor *t;
	size_t size; // bytes of an element
	int scales;
	int phase_x, phase_y; // as in kernels.h; 0 where chroma is scaled
	uint8_t *dst;

	resampler luma, chroma;
	uint8_t *y, *u, *v; // a row, scaled or of pairs taken apart
	int32_t *term[3];   // what chroma adds to a row of R, G and B
	uint8_t *border;    // a row of it in all channels
	uint8_t code[3][256]; // UINT8 of a value
	int plain_codes;      // where that is the value itself
} work;

static void *carve(uint8_t *base, size_t *used, size_t bytes)
{
	size_t at = *used;
	*used += (bytes + 63) / 64 * 64;
	return base ? base + at : NULL;
}

static int half(int v) { return (v + 1) / 2; }

// layout lays the work out in scratch and returns how much that takes.
static size_t layout(work *w, const fp_tensor *t, uint8_t *scratch)
{
	const size_t n = (size_t)t->inner_w, c = (size_t)half(t->inner_w) + 1;
	size_t used = 0;

	memset(w, 0, sizeof *w);
	w->t = t;
	w->size = t->type == FP_UINT8 ? 1 : t->type == FP_FLOAT16 ? 2 : 4;
	w->scales = t->inner_w != t->crop_w || t->inner_h != t->crop_h;
	w->phase_x = w->scales ? 0 : t->crop_x & 1;
	w->phase_y = w->scales ? 0 : t->crop_y & 1;
	w->luma = (resampler){.size_w = t->crop_w, .size_h = t->crop_h, .w = t->inner_w, .h = t->inner_h, .step = 1};
	w->chroma = (resampler){.size_w = half(t->crop_w), .size_h = half(t->crop_h), .w = half(t->inner_w), .h = half(t->inner_h)};
	w->chroma.step = t->pairs ? 2 : 1;
	w->luma.average = w->chroma.average = t->average;
	if (w->scales) {
		w->luma.first = carve(scratch, &used, (n + 1) * sizeof(int32_t));
		w->luma.weight = carve(scratch, &used, n * sizeof(int32_t));
		w->chroma.first = carve(scratch, &used, c * sizeof(int32_t));
		w->chroma.weight = carve(scratch, &used, c * sizeof(int32_t));
		// One after the other. Chroma in pairs may be a sample longer than luma.
		w->luma.sum = w->chroma.sum = carve(scratch, &used, ((size_t)t->crop_w + 4) * sizeof(int32_t));
	}
	w->y = carve(scratch, &used, n);
	w->u = carve(scratch, &used, c);
	w->v = carve(scratch, &used, c);
	for (int i = 0; i < 3; i++)
		w->term[i] = carve(scratch, &used, 2 * c * sizeof(int32_t));
	w->border = carve(scratch, &used, 3 * (size_t)t->width * w->size);
	return used;
}

size_t fp_tensor_scratch(const fp_tensor *t)
{
	work w;
	return layout(&w, t, NULL);
}

// rounded is a float as UINT8, to nearest even: from 2^23 on a float has no fraction.
static uint8_t rounded(float value)
{
	uint32_t bits;
	value = (value < 0 ? 0 : value > 255 ? 255 : value) + 8388608;
	memcpy(&bits, &value, sizeof bits);
	return (uint8_t)bits;
}

// prepare makes the row that the letterbox is painted from, and the table of UINT8.
static void prepare(work *w)
{
	const fp_tensor *t = w->t;
	w->plain_codes = 1;
	for (int c = 0; c < 3; c++) {
		float value = t->pad * t->scale[c] + t->bias[c];
		for (int x = 0; x < t->width; x++) {
			size_t at = t->nhwc ? 3 * (size_t)x + c : (size_t)c * t->width + x;
			if (t->type == FP_UINT8)
				w->border[at] = rounded(value);
			else if (t->type == FP_FLOAT16)
				((half_at *)w->border)[at] = float16(value);
			else
				((float_at *)w->border)[at] = value;
		}
		if (t->type != FP_UINT8)
			continue;
		for (int i = 0; i < 256; i++)
			w->code[c][i] = rounded((float)i * t->scale[c] + t->bias[c]);
		w->plain_codes &= t->scale[c] == 1 && t->bias[c] == 0;
	}
}

// at is where the element of a channel is. In NHWC the others follow it.
static uint8_t *at(const work *w, int c, int row, int x)
{
	const size_t width = (size_t)w->t->width, height = (size_t)w->t->height;
	if (w->t->nhwc)
		return w->dst + (((size_t)row * width + x) * 3 + c) * w->size;
	return w->dst + (((size_t)c * height + row) * width + x) * w->size;
}

// paint fills n pixels of a row with the border.
static void paint(const work *w, int row, int x, int n)
{
	if (w->t->nhwc) {
		memcpy(at(w, 0, row, x), w->border, 3 * (size_t)n * w->size);
		return;
	}
	for (int c = 0; c < 3; c++)
		memcpy(at(w, c, row, x), w->border + (size_t)c * w->t->width * w->size, (size_t)n * w->size);
}

// strip is a part of a row before it is stored: luma, and for each channel of the
// tensor what chroma adds and the factor of luma.
typedef struct strip {
	const uint8_t *y;
	const int32_t *term[3];
	int32_t a[3];
	int row, x, n;
} strip;

static void store_bytes(const work *w, const strip *s)
{
	uint8_t out[3][STRIP];
	for (int c = 0; c < 3; c++) {
		uint8_t *to = w->t->nhwc ? out[c] : at(w, c, s->row, s->x);
		apply(to, s->y, s->term[c], s->n, s->a[c]);
		for (int i = 0; !w->plain_codes && i < s->n; i++)
			to[i] = w->code[c][to[i]];
	}
	if (w->t->nhwc)
		pack(at(w, 0, s->row, s->x), out[0], out[1], out[2], s->n);
}

static void store_floats(const work *w, const strip *s)
{
	float planes[3][STRIP], woven[3 * STRIP];
	const fp_tensor *t = w->t;
	float_at *to[3];
	for (int c = 0; c < 3; c++)
		to[c] = t->nhwc || t->type == FP_FLOAT16 ? planes[c] : (float_at *)at(w, c, s->row, s->x);
	TENSOR_CHOOSE(normal, to[0], to[1], to[2], s->y, s->term, s->n, s->a, t->scale, t->bias);
	if (t->nhwc) {
		uint8_t *out = at(w, 0, s->row, s->x);
		TENSOR_CHOOSE(weave, t->type == FP_FLOAT16 ? woven : (float_at *)out, planes[0], planes[1], planes[2], s->n);
		if (t->type == FP_FLOAT16)
			TENSOR_CHOOSE(shorten, (half_at *)out, woven, 3 * s->n);
		return;
	}
	for (int c = 0; t->type == FP_FLOAT16 && c < 3; c++)
		TENSOR_CHOOSE(shorten, (half_at *)at(w, c, s->row, s->x), planes[c], s->n);
}

// store makes a row of the inner part of the tensor.
static void store(const work *w, int row, const uint8_t *y)
{
	const fp_tensor *t = w->t;
	for (int x = 0; x < t->inner_w; x += STRIP) {
		strip s = {.y = y + x, .row = row, .x = t->inner_x + x, .n = smaller(STRIP, t->inner_w - x)};
		for (int c = 0; c < 3; c++) {
			int colour = t->bgr ? 2 - c : c;
			s.term[c] = w->term[colour] + w->phase_x + x;
			s.a[c] = t->rgb[4 * colour];
		}
		if (t->type == FP_UINT8)
			store_bytes(w, &s);
		else
			store_floats(w, &s);
	}
}

// chroma makes the terms of a row of chroma.
static void chroma(work *w, int row, const uint8_t *u, ptrdiff_t u_pitch, const uint8_t *v, ptrdiff_t v_pitch)
{
	const fp_tensor *t = w->t;
	const int n = half(t->inner_w + w->phase_x);
	const uint8_t *cb = w->u, *cr = w->v;
	if (w->scales && t->pairs) {
		resample_row(&w->chroma, u, u_pitch, row, w->u, w->v);
	} else if (w->scales) {
		resample_row(&w->chroma, u, u_pitch, row, w->u, NULL);
		resample_row(&w->chroma, v, v_pitch, row, w->v, NULL);
	} else if (t->pairs) {
		split(w->u, w->v, u + row * u_pitch, n);
	} else {
		cb = u + row * u_pitch;
		cr = v + row * v_pitch;
	}
	for (int i = 0; i < 3; i++) {
		const int32_t *c = t->rgb + 4 * i;
		// The table has the offset of 128 inside, chroma_term has it outside.
		chroma_term(w->term[i], cb, cr, n, c[1], c[2], c[3] + 128 * (c[1] + c[2]) + HALF);
	}
}

void fp_tensor_write(const fp_tensor *t, const uint8_t *y, ptrdiff_t y_pitch, const uint8_t *u, ptrdiff_t u_pitch,
		     const uint8_t *v, ptrdiff_t v_pitch, uint8_t *dst, uint8_t *scratch)
{
	work w;
	int made = -1; // the row of chroma that term is of

	layout(&w, t, scratch);
	w.dst = dst;
	prepare(&w);
	if (w.scales) {
		resample_begin(&w.luma);
		resample_begin(&w.chroma);
	}
	y += t->crop_y * y_pitch + t->crop_x;
	u += t->crop_y / 2 * u_pitch + t->crop_x / 2 * w.chroma.step;
	if (!t->pairs)
		v += t->crop_y / 2 * v_pitch + t->crop_x / 2;
	for (int row = 0; row < t->height; row++) {
		const int i = row - t->inner_y, right = t->inner_x + t->inner_w;
		if (i < 0 || i >= t->inner_h) {
			paint(&w, row, 0, t->width);
			continue;
		}
		paint(&w, row, 0, t->inner_x);
		paint(&w, row, right, t->width - right);
		if ((i + w.phase_y) / 2 != made) {
			made = (i + w.phase_y) / 2;
			chroma(&w, made, u, u_pitch, v, v_pitch);
		}
		if (w.scales)
			resample_row(&w.luma, y, y_pitch, i, w.y, NULL);
		store(&w, row, w.scales ? w.y : y + i * y_pitch);
	}
}
