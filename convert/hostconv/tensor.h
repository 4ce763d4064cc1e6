// A tensor of a 4:2:0 picture in one pass: every row is scaled, changed in colour,
// normalised and stored while it is in the cache.
#ifndef FP_HOSTCONV_TENSOR_H
#define FP_HOSTCONV_TENSOR_H

#include <stddef.h>
#include <stdint.h>

enum { FP_UINT8, FP_FLOAT16, FP_FLOAT32 };

typedef struct fp_tensor {
	int32_t crop_x, crop_y, crop_w, crop_h;     // of the source
	int32_t inner_x, inner_y, inner_w, inner_h; // of the tensor: where the crop goes
	int32_t width, height;
	int32_t average; // areas instead of interpolation
	int32_t pairs;   // NV12: u has both chroma samples and v is not used
	int32_t type;
	int32_t nhwc; // interleaved
	int32_t bgr;
	int32_t rgb[12]; // rows of {Y, Cb, Cr, offset} for R, G and B, as fp_rgb takes them
	// An element is value * scale[c] + bias[c]; the value of the border is pad.
	float scale[3], bias[3], pad;
} fp_tensor;

// fp_tensor_scratch is how many bytes of memory fp_tensor_write needs to work in.
size_t fp_tensor_scratch(const fp_tensor *t);

// fp_tensor_write fills dst, which need not be aligned. scratch is aligned to 8 bytes.
void fp_tensor_write(const fp_tensor *t, const uint8_t *y, ptrdiff_t y_pitch, const uint8_t *u, ptrdiff_t u_pitch,
		     const uint8_t *v, ptrdiff_t v_pitch, uint8_t *dst, uint8_t *scratch);

#endif
