// Frameport's device code: colour, scaling and hashing of NV12 and P016 pictures.
//
// It is compiled to PTX (make generate) and, the very same text, to CPU code for the
// tests and the simulated driver. Arithmetic is in integers, so both give the same
// bits; see "Note: [Colour in integers]" in package convert for the tables. Every
// access is checked against the picture's bounds, so odd sizes need no care.
//
// Arrays have four elements and loops over them are unrolled, with the count checked
// inside: then they are registers, and no kernel uses local memory, whose backing
// store would cost megabytes of device memory (kernels_test.go looks).
//
// Chroma is taken from the 2x2 block a pixel lies in, which is what package convert
// defines; its siting is not corrected for.
#include "device.h"

FP_FUNC int32_t fp_min(int32_t a, int32_t b) { return a < b ? a : b; }
FP_FUNC int32_t fp_max(int32_t a, int32_t b) { return a > b ? a : b; }
FP_FUNC int32_t fp_byte(int32_t v) { return fp_max(0, fp_min(255, v)); }
FP_FUNC int32_t fp_half(int32_t v) { return (v + 1) / 2; }
FP_FUNC uint8_t *fp_at(uint64_t base, int32_t pitch, int32_t x, int32_t y) {
    return (uint8_t *)base + (int64_t)y * pitch + x;
}

// A 16-bit sample has its value in the high bits: rounded to 8 bit.
FP_FUNC int32_t fp_narrow(uint16_t v) { return fp_min((v + 128) >> 8, 255); }

FP_FUNC int32_t fp_sample(uint64_t base, int32_t pitch, int32_t depth, int32_t x, int32_t y) {
    if (depth == 16) {
        return fp_narrow(*(const uint16_t *)fp_at(base, pitch, 2 * x, y));
    }
    return *fp_at(base, pitch, x, y);
}

FP_FUNC int32_t fp_luma(const fp_picture &p, int32_t x, int32_t y) {
    return fp_sample(p.luma, p.luma_pitch, p.depth, x, y);
}

struct fp_pair {
    int32_t cb, cr;
};

FP_FUNC fp_pair fp_chroma(const fp_picture &p, int32_t i, int32_t j) {
    fp_pair v;
    v.cb = fp_sample(p.chroma, p.chroma_pitch, p.depth, 2 * i, j);
    v.cr = fp_sample(p.chroma, p.chroma_pitch, p.depth, 2 * i + 1, j);
    return v;
}

// Four luma samples at once where all four are there and the address allows it.
FP_FUNC void fp_luma4(const fp_picture &p, int32_t x, int32_t y, int32_t count, int32_t *out) {
    const uint8_t *at = fp_at(p.luma, p.luma_pitch, x, y);
    if (count == 4 && p.depth == 8 && ((uint64_t)at & 3) == 0) {
        uint32_t v = *(const uint32_t *)at;
        FP_UNROLL
        for (int32_t k = 0; k < 4; k++) {
            out[k] = (int32_t)(v >> (8 * k) & 255);
        }
        return;
    }
    FP_UNROLL
    for (int32_t k = 0; k < 4; k++) {
        out[k] = k < count ? fp_luma(p, x + k, y) : 0;
    }
}

FP_FUNC uint32_t fp_word(int32_t a, int32_t b, int32_t c, int32_t d) {
    return (uint32_t)a | (uint32_t)b << 8 | (uint32_t)c << 16 | (uint32_t)d << 24;
}

FP_FUNC void fp_store4(uint64_t base, int32_t pitch, int32_t x, int32_t y, int32_t count, const int32_t *v) {
    uint8_t *at = fp_at(base, pitch, x, y);
    if (count == 4 && ((uint64_t)at & 3) == 0) {
        *(uint32_t *)at = fp_word(v[0], v[1], v[2], v[3]);
        return;
    }
    FP_UNROLL
    for (int32_t k = 0; k < 4; k++) {
        if (k < count) {
            at[k] = (uint8_t)v[k];
        }
    }
}

FP_FUNC bool fp_inside(const fp_rect &r, int32_t x, int32_t y) {
    return x >= r.x && y >= r.y && x < r.x + r.width && y < r.y + r.height;
}

FP_FUNC int32_t fp_rgb_row(const int32_t *row, int32_t y, fp_pair c) {
    return fp_byte((row[0] * y + row[1] * c.cb + row[2] * c.cr + row[3] + 32768) >> 16);
}

FP_FUNC int32_t fp_ycc_luma(const fp_ycc_table &t, int32_t y, fp_pair c) {
    int32_t v = t.y[0] * (y - t.offset_in) + t.y[1] * (c.cb - 128) + t.y[2] * (c.cr - 128);
    return fp_byte(((v + 32768) >> 16) + t.offset_out);
}

FP_FUNC int32_t fp_ycc_row(const int32_t *row, fp_pair c) {
    return fp_byte(((row[0] * (c.cb - 128) + row[1] * (c.cr - 128) + 32768) >> 16) + 128);
}

// ---- Colour without scaling --------------------------------------------------------

// The pixels x..x+count-1 of row y of a view: luma and the chroma of each, and
// whether they are inside. Four pixels are all inside, or each is asked.
struct fp_quad {
    int32_t y[4];
    fp_pair c[4];
    bool inside[4];
};

FP_FUNC void fp_load(const fp_view &v, int32_t x, int32_t y, int32_t count, fp_quad *q) {
    int32_t sx = v.crop.x + x - v.inner.x, sy = v.crop.y + y - v.inner.y;
    bool whole = fp_inside(v.inner, x, y) && fp_inside(v.inner, x + count - 1, y);
    if (whole) {
        fp_luma4(v.source, sx, sy, count, q->y);
    }
    FP_UNROLL
    for (int32_t k = 0; k < 4; k++) {
        q->inside[k] = k < count && (whole || fp_inside(v.inner, x + k, y));
        fp_pair none = {128, 128};
        q->c[k] = none;
        if (!q->inside[k]) {
            q->y[k] = 0;
            continue;
        }
        if (!whole) {
            q->y[k] = fp_luma(v.source, sx + k, sy);
        }
        if (k > 0 && q->inside[k > 0 ? k - 1 : 0] && (sx + k) % 2 != 0) {
            q->c[k] = q->c[k > 0 ? k - 1 : 0];
        } else {
            q->c[k] = fp_chroma(v.source, (sx + k) / 2, sy / 2);
        }
    }
}

FP_FUNC void fp_store_rgb(const fp_nv12_to_rgb_params &p, int32_t x, int32_t y, int32_t count, const int32_t *r,
                          const int32_t *g, const int32_t *b) {
    if (p.layout == FP_RGB_PLANAR) {
        fp_store4(p.out[0], p.pitch, x, y, count, r);
        fp_store4(p.out[1], p.pitch, x, y, count, g);
        fp_store4(p.out[2], p.pitch, x, y, count, b);
        return;
    }
    bool swap = p.layout == FP_BGR_PACKED;
    uint8_t *at = fp_at(p.out[0], p.pitch, 3 * x, y);
    if (count == 4 && ((uint64_t)at & 3) == 0) {
        int32_t a[4], c[4];
        FP_UNROLL
        for (int32_t k = 0; k < 4; k++) {
            a[k] = swap ? b[k] : r[k];
            c[k] = swap ? r[k] : b[k];
        }
        uint32_t *words = (uint32_t *)at;
        words[0] = fp_word(a[0], g[0], c[0], a[1]);
        words[1] = fp_word(g[1], c[1], a[2], g[2]);
        words[2] = fp_word(c[2], a[3], g[3], c[3]);
        return;
    }
    FP_UNROLL
    for (int32_t k = 0; k < 4; k++) {
        if (k < count) {
            at[3 * k] = (uint8_t)(swap ? b[k] : r[k]);
            at[3 * k + 1] = (uint8_t)g[k];
            at[3 * k + 2] = (uint8_t)(swap ? r[k] : b[k]);
        }
    }
}

FP_KERNEL fp_nv12_to_rgb(fp_nv12_to_rgb_params p) {
    int32_t x = 4 * fp_thread_x(), y0 = 2 * fp_thread_y();
    if (x >= p.view.width) {
        return;
    }
    int32_t count = fp_min(4, p.view.width - x);
    for (int32_t y = y0; y < fp_min(y0 + 2, p.view.height); y++) {
        fp_quad q;
        int32_t r[4], g[4], b[4];
        fp_load(p.view, x, y, count, &q);
        FP_UNROLL
        for (int32_t k = 0; k < 4; k++) {
            r[k] = q.inside[k] ? fp_rgb_row(p.table.r, q.y[k], q.c[k]) : 0;
            g[k] = q.inside[k] ? fp_rgb_row(p.table.g, q.y[k], q.c[k]) : 0;
            b[k] = q.inside[k] ? fp_rgb_row(p.table.b, q.y[k], q.c[k]) : 0;
        }
        fp_store_rgb(p, x, y, count, r, g, b);
    }
}

// The luma of 4x2 pixels in another colour; true when there was anything to do.
FP_FUNC bool fp_convert_luma(const fp_view &v, const fp_ycc_table &t, uint64_t out, int32_t pitch) {
    int32_t x = 4 * fp_thread_x(), y0 = 2 * fp_thread_y();
    if (x >= v.width || y0 >= v.height) {
        return false;
    }
    int32_t count = fp_min(4, v.width - x);
    for (int32_t y = y0; y < fp_min(y0 + 2, v.height); y++) {
        fp_quad q;
        int32_t luma[4];
        fp_load(v, x, y, count, &q);
        FP_UNROLL
        for (int32_t k = 0; k < 4; k++) {
            luma[k] = q.inside[k] ? fp_ycc_luma(t, q.y[k], q.c[k]) : t.offset_out;
        }
        fp_store4(out, pitch, x, y, count, luma);
    }
    return true;
}

// The inner part of a view counted in 2x2 blocks.
FP_FUNC fp_rect fp_blocks(const fp_rect &inner) {
    fp_rect r = {inner.x / 2, inner.y / 2, fp_half(inner.width), fp_half(inner.height)};
    return r;
}

FP_KERNEL fp_nv12_to_jfif420(fp_nv12_to_jfif420_params p) {
    if (!fp_convert_luma(p.view, p.table, p.out[0], p.luma_pitch)) {
        return;
    }
    const fp_view &v = p.view;
    fp_rect blocks = fp_blocks(v.inner);
    int32_t j = fp_thread_y(), i0 = 2 * fp_thread_x();
    for (int32_t i = i0; i < fp_min(i0 + 2, fp_half(v.width)); i++) {
        int32_t cb = 128, cr = 128;
        if (fp_inside(blocks, i, j)) {
            fp_pair c = fp_chroma(v.source, v.crop.x / 2 + i - blocks.x, v.crop.y / 2 + j - blocks.y);
            cb = fp_ycc_row(p.table.cb, c);
            cr = fp_ycc_row(p.table.cr, c);
        }
        if (p.layout == FP_CHROMA_INTERLEAVED) {
            uint8_t *at = fp_at(p.out[1], p.chroma_pitch, 2 * i, j);
            at[0] = (uint8_t)cb;
            at[1] = (uint8_t)cr;
        } else {
            *fp_at(p.out[1], p.chroma_pitch, i, j) = (uint8_t)cb;
            *fp_at(p.out[2], p.chroma_pitch, i, j) = (uint8_t)cr;
        }
    }
}

FP_KERNEL fp_nv12_gray8(fp_nv12_gray8_params p) { fp_convert_luma(p.view, p.table, p.out, p.pitch); }

// ---- Copies ------------------------------------------------------------------------

FP_FUNC void fp_copy(const fp_copy_nv12_params &p, int32_t depth) {
    fp_view v = p.view;
    v.source.depth = depth;
    int32_t x = 4 * fp_thread_x(), y0 = 2 * fp_thread_y();
    if (x >= v.width || y0 >= v.height) {
        return;
    }
    int32_t count = fp_min(4, v.width - x);
    for (int32_t y = y0; y < fp_min(y0 + 2, v.height); y++) {
        int32_t luma[4];
        fp_luma4(v.source, v.crop.x + x, v.crop.y + y, count, luma);
        fp_store4(p.luma, p.luma_pitch, x, y, count, luma);
    }
    int32_t j = fp_thread_y(), i0 = 2 * fp_thread_x();
    for (int32_t i = i0; i < fp_min(i0 + 2, fp_half(v.width)); i++) {
        fp_pair c = fp_chroma(v.source, v.crop.x / 2 + i, v.crop.y / 2 + j);
        uint8_t *at = fp_at(p.chroma, p.chroma_pitch, 2 * i, j);
        at[0] = (uint8_t)c.cb;
        at[1] = (uint8_t)c.cr;
    }
}

FP_KERNEL fp_copy_nv12(fp_copy_nv12_params p) { fp_copy(p, 8); }

FP_KERNEL fp_p016_to_nv12(fp_copy_nv12_params p) { fp_copy(p, 16); }

// ---- Scaling -----------------------------------------------------------------------

// One plane of a picture within its crop: luma, or one of the chroma samples.
struct fp_plane {
    uint64_t base;
    int32_t pitch, depth;
    int32_t x, y, width, height; // the crop, in samples of this plane
    int32_t step, offset;        // sample i is at column i*step + offset
};

FP_FUNC int32_t fp_plane_at(const fp_plane &p, int32_t x, int32_t y) {
    return fp_sample(p.base, p.pitch, p.depth, (p.x + x) * p.step + p.offset, p.y + y);
}

FP_FUNC fp_plane fp_luma_plane(const fp_view &v) {
    fp_plane p = {v.source.luma, v.source.luma_pitch, v.source.depth, v.crop.x, v.crop.y, v.crop.width, v.crop.height, 1, 0};
    return p;
}

FP_FUNC fp_plane fp_chroma_plane(const fp_view &v, int32_t component) {
    fp_plane p = {v.source.chroma, v.source.chroma_pitch, v.source.depth,           v.crop.x / 2, v.crop.y / 2,
                  fp_half(v.crop.width), fp_half(v.crop.height), 2, component};
    return p;
}

// The centre of sample i of n laid over size samples, times 2^16, within the plane.
FP_FUNC int32_t fp_centre(int32_t i, int32_t n, int32_t size) {
    int32_t at = (int32_t)(((int64_t)(2 * i + 1) * size * 65536 / n - 65536) / 2);
    return fp_max(0, fp_min(at, (size - 1) * 65536));
}

// Weights have 11 bits, so that a sum of four samples stays within 31.
FP_FUNC int32_t fp_bilinear(const fp_plane &p, int32_t x, int32_t y, int32_t w, int32_t h) {
    int32_t fx = fp_centre(x, w, p.width), fy = fp_centre(y, h, p.height);
    int32_t x0 = fx >> 16, y0 = fy >> 16;
    int32_t x1 = fp_min(x0 + 1, p.width - 1), y1 = fp_min(y0 + 1, p.height - 1);
    int32_t ax = (fx & 65535) >> 5, ay = (fy & 65535) >> 5;
    int32_t top = fp_plane_at(p, x0, y0) * (2048 - ax) + fp_plane_at(p, x1, y0) * ax;
    int32_t bottom = fp_plane_at(p, x0, y1) * (2048 - ax) + fp_plane_at(p, x1, y1) * ax;
    return (int32_t)(((uint32_t)top * (uint32_t)(2048 - ay) + (uint32_t)bottom * (uint32_t)ay + (1u << 21)) >> 22);
}

// How much of sample s lies in from..to, which are times 2^8.
FP_FUNC int32_t fp_overlap(int32_t s, int32_t from, int32_t to) {
    return fp_max(0, fp_min((s + 1) * 256, to) - fp_max(s * 256, from));
}

FP_FUNC int32_t fp_box(const fp_plane &p, int32_t x, int32_t y, int32_t w, int32_t h) {
    int32_t left = (int32_t)((int64_t)x * p.width * 256 / w), right = (int32_t)((int64_t)(x + 1) * p.width * 256 / w);
    int32_t top = (int32_t)((int64_t)y * p.height * 256 / h), bottom = (int32_t)((int64_t)(y + 1) * p.height * 256 / h);
    right = fp_max(right, left + 1);
    bottom = fp_max(bottom, top + 1);
    uint64_t sum = 0;
    for (int32_t sy = top >> 8; sy < p.height && sy * 256 < bottom; sy++) {
        uint32_t row = 0;
        for (int32_t sx = left >> 8; sx < p.width && sx * 256 < right; sx++) {
            row += (uint32_t)(fp_plane_at(p, sx, sy) * fp_overlap(sx, left, right));
        }
        sum += (uint64_t)row * (uint32_t)fp_overlap(sy, top, bottom);
    }
    uint64_t area = (uint64_t)(uint32_t)(right - left) * (uint32_t)(bottom - top);
    return (int32_t)((sum + area / 2) / area);
}

FP_FUNC int32_t fp_scaled(const fp_plane &p, int32_t filter, int32_t x, int32_t y, int32_t w, int32_t h) {
    if (w == p.width && h == p.height) {
        return fp_plane_at(p, x, y);
    }
    return filter == FP_FILTER_BOX ? fp_box(p, x, y, w, h) : fp_bilinear(p, x, y, w, h);
}

FP_FUNC fp_pair fp_scaled_chroma(const fp_view &v, int32_t filter, int32_t i, int32_t j) {
    int32_t w = fp_half(v.inner.width), h = fp_half(v.inner.height);
    fp_pair c;
    c.cb = fp_scaled(fp_chroma_plane(v, 0), filter, i, j, w, h);
    c.cr = fp_scaled(fp_chroma_plane(v, 1), filter, i, j, w, h);
    return c;
}

FP_KERNEL fp_resize_nv12(fp_resize_nv12_params p) {
    const fp_view &v = p.view;
    int32_t i = fp_thread_x(), j = fp_thread_y();
    if (2 * i >= v.width || 2 * j >= v.height) {
        return;
    }
    fp_plane luma = fp_luma_plane(v);
    for (int32_t y = 2 * j; y < fp_min(2 * j + 2, v.height); y++) {
        for (int32_t x = 2 * i; x < fp_min(2 * i + 2, v.width); x++) {
            int32_t value = p.black;
            if (fp_inside(v.inner, x, y)) {
                value = fp_scaled(luma, p.filter, x - v.inner.x, y - v.inner.y, v.inner.width, v.inner.height);
            }
            *fp_at(p.luma, p.luma_pitch, x, y) = (uint8_t)value;
        }
    }
    fp_rect blocks = fp_blocks(v.inner);
    fp_pair c = {128, 128};
    if (fp_inside(blocks, i, j)) {
        c = fp_scaled_chroma(v, p.filter, i - blocks.x, j - blocks.y);
    }
    uint8_t *at = fp_at(p.chroma, p.chroma_pitch, 2 * i, j);
    at[0] = (uint8_t)c.cb;
    at[1] = (uint8_t)c.cr;
}

// ---- Tensors -----------------------------------------------------------------------

FP_FUNC uint32_t fp_float_bits(float v) {
    union {
        float f;
        uint32_t u;
    } bits;
    bits.f = v;
    return bits.u;
}

// IEEE 754 binary16, to nearest even; too large becomes infinity.
FP_FUNC uint16_t fp_float16(float value) {
    uint32_t bits = fp_float_bits(value);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
        return (uint16_t)(sign | 0x7e00);
    }
    if (magnitude >= 0x477ff000) {
        return (uint16_t)(sign | 0x7c00);
    }
    if (magnitude >= 0x38800000) { // normal
        uint32_t v = magnitude - 0x38000000;
        return (uint16_t)(sign | (v + 0xfff + (v >> 13 & 1)) >> 13);
    }
    if (magnitude < 0x33000000) { // less than half of the smallest
        return (uint16_t)sign;
    }
    uint32_t shift = 126 - (magnitude >> 23), mantissa = (magnitude & 0x7fffff) | 0x800000;
    uint32_t half = 1u << (shift - 1), v = mantissa >> shift, rest = mantissa & ((1u << shift) - 1);
    return (uint16_t)(sign | (v + (rest > half || (rest == half && (v & 1)) ? 1 : 0)));
}

// 0 to 255, to nearest even: from 2^23 on a float has no fraction.
FP_FUNC uint8_t fp_rounded(float value) {
    value = value < 0.0f ? 0.0f : value > 255.0f ? 255.0f : value;
    return (uint8_t)fp_float_bits(value + 8388608.0f);
}

FP_KERNEL fp_nv12_to_tensor(fp_nv12_to_tensor_params p) {
    const fp_view &v = p.view;
    int32_t x = fp_thread_x(), y = fp_thread_y();
    if (x >= v.width || y >= v.height) {
        return;
    }
    float first = p.pad[0], second = p.pad[1], third = p.pad[2];
    if (fp_inside(v.inner, x, y)) {
        int32_t ix = x - v.inner.x, iy = y - v.inner.y;
        bool scales = v.inner.width != v.crop.width || v.inner.height != v.crop.height;
        int32_t luma = fp_scaled(fp_luma_plane(v), p.filter, ix, iy, v.inner.width, v.inner.height);
        fp_pair c;
        if (scales) {
            c = fp_scaled_chroma(v, p.filter, ix / 2, iy / 2);
        } else {
            c = fp_chroma(v.source, (v.crop.x + ix) / 2, (v.crop.y + iy) / 2);
        }
        int32_t r = fp_rgb_row(p.table.r, luma, c), b = fp_rgb_row(p.table.b, luma, c);
        first = (float)(p.bgr ? b : r);
        second = (float)fp_rgb_row(p.table.g, luma, c);
        third = (float)(p.bgr ? r : b);
    }
    FP_UNROLL
    for (int32_t k = 0; k < 3; k++) {
        int64_t at = (int64_t)y * p.row_stride + (p.layout == FP_TENSOR_NHWC ? 3 * x + k : k * p.plane_stride + x);
        float value = __builtin_fmaf(k == 0 ? first : k == 1 ? second : third, p.scale[k], p.bias[k]);
        if (p.type == FP_TENSOR_UINT8) {
            ((uint8_t *)p.out)[at] = fp_rounded(value);
        } else if (p.type == FP_TENSOR_FP16) {
            ((uint16_t *)p.out)[at] = fp_float16(value);
        } else {
            ((float *)p.out)[at] = value;
        }
    }
}

// ---- Hash --------------------------------------------------------------------------

// The finaliser of splitmix64.
FP_FUNC uint64_t fp_mix(uint64_t v) {
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ul;
    v = (v ^ v >> 27) * 0x94d049bb133111ebul;
    return v ^ v >> 31;
}

// Each strip of 8x16 pixels adds the mix of its words and their places; a sum has no
// order, so the result does not depend on which thread comes first.
FP_KERNEL fp_hash64(fp_hash64_params p) {
    int32_t x = 8 * fp_thread_x(), y0 = 16 * fp_thread_y();
    if (x >= p.source.width || y0 >= p.source.height) {
        return;
    }
    int32_t count = fp_min(8, p.source.width - x);
    uint64_t sum = 0;
    for (int32_t y = y0; y < fp_min(y0 + 16, p.source.height); y++) {
        uint64_t word = 0;
        for (int32_t k = 0; k < count; k += 4) {
            int32_t luma[4];
            fp_luma4(p.source, x + k, y, fp_min(4, count - k), luma);
            word |= (uint64_t)fp_word(luma[0], luma[1], luma[2], luma[3]) << (8 * k);
        }
        uint64_t place = (uint64_t)(uint32_t)y << 32 | (uint32_t)x;
        sum += fp_mix(word ^ fp_mix(place + 0x9e3779b97f4a7c15ul));
    }
    fp_atomic_add((uint64_t *)p.out, sum);
}
