/* Parameters of the kernels: one struct each, passed by value. The same header is
 * read by kernels.cu, by C callers and by the simulated driver; the Go mirrors are
 * in params.go, with a test on every size and offset.
 *
 * Device addresses are integers, sizes are in pixels and pitches in bytes. Nothing
 * here may depend on the compiler's choice: fixed-width types in falling order of
 * size, padding spelled out.
 */
#ifndef FP_KERNELS_PARAMS_H
#define FP_KERNELS_PARAMS_H

#if defined(__CUDA__)
/* The device compiler sees no system header. */
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned long uint64_t;
typedef long int64_t;
#else
#include <stdint.h>
#endif

#ifdef __cplusplus
#define FP_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size), #type " must be " #size " bytes")
#else
#define FP_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " must be " #size " bytes")
#endif

/* A 4:2:0 picture with interleaved chroma. depth 8 is NV12, 16 is P016 (the value
 * in the high bits); the chroma plane has (width+1)/2 pairs in (height+1)/2 rows. */
typedef struct fp_picture {
    uint64_t luma, chroma;
    int32_t luma_pitch, chroma_pitch;
    int32_t width, height;
    int32_t depth;
    int32_t reserved;
} fp_picture;
FP_ASSERT_SIZE(fp_picture, 40);

/* A rectangle: corner and size. */
typedef struct fp_rect {
    int32_t x, y, width, height;
} fp_rect;
FP_ASSERT_SIZE(fp_rect, 16);

/* Integer coefficients times 2^16, laid out like convert.RGBTable and
 * convert.YCCTable. */
typedef struct fp_rgb_table {
    int32_t r[4], g[4], b[4];
} fp_rgb_table;
FP_ASSERT_SIZE(fp_rgb_table, 48);

typedef struct fp_ycc_table {
    int32_t y[3], cb[2], cr[2];
    int32_t offset_in, offset_out;
} fp_ycc_table;
FP_ASSERT_SIZE(fp_ycc_table, 36);

/* What most kernels have in common. crop is the part of the source that is used;
 * inner is where it goes in the result of width x height, whose rest is black. inner
 * lies on even pixels. Only the kernels that scale accept an inner of another size
 * than crop. */
typedef struct fp_view {
    fp_picture source;
    fp_rect crop;
    fp_rect inner;
    int32_t width, height;
} fp_view;
FP_ASSERT_SIZE(fp_view, 80);

/* fp_nv12_to_rgb: 8-bit RGB without scaling. Packed layouts use out[0]; planar ones
 * have R, G and B in out[0..2]. Grid: one thread for 4x2 pixels. */
enum { FP_RGB_PACKED = 0, FP_BGR_PACKED = 1, FP_RGB_PLANAR = 2 };
typedef struct fp_nv12_to_rgb_params {
    fp_view view;
    uint64_t out[3];
    fp_rgb_table table;
    int32_t pitch;
    int32_t layout;
} fp_nv12_to_rgb_params;
FP_ASSERT_SIZE(fp_nv12_to_rgb_params, 160);

/* fp_nv12_to_jfif420: 4:2:0 of another colour without scaling. Planar (I420) has Y,
 * Cb and Cr in out[0..2], interleaved (NV12) Y and CbCr in out[0..1]. Grid: one
 * thread for 4x2 pixels. */
enum { FP_CHROMA_PLANAR = 0, FP_CHROMA_INTERLEAVED = 1 };
typedef struct fp_nv12_to_jfif420_params {
    fp_view view;
    uint64_t out[3];
    fp_ycc_table table;
    int32_t luma_pitch, chroma_pitch;
    int32_t layout;
} fp_nv12_to_jfif420_params;
FP_ASSERT_SIZE(fp_nv12_to_jfif420_params, 152);

/* fp_nv12_gray8: the luma of another colour without scaling. Grid: one thread for
 * 4x2 pixels. */
typedef struct fp_nv12_gray8_params {
    fp_view view;
    uint64_t out;
    fp_ycc_table table;
    int32_t pitch;
} fp_nv12_gray8_params;
FP_ASSERT_SIZE(fp_nv12_gray8_params, 128);

/* fp_copy_nv12 copies the crop of an NV12 picture, fp_p016_to_nv12 that of a P016
 * picture rounded to 8 bit. view.inner is the whole result. Grid: one thread for 4x2
 * pixels. */
typedef struct fp_copy_nv12_params {
    fp_view view;
    uint64_t luma, chroma;
    int32_t luma_pitch, chroma_pitch;
} fp_copy_nv12_params;
FP_ASSERT_SIZE(fp_copy_nv12_params, 104);

/* How pictures are scaled. Bilinear samples at pixel centres; box averages the area
 * that a pixel covers and is for shrinking to less than half. */
enum { FP_FILTER_BILINEAR = 0, FP_FILTER_BOX = 1 };

/* fp_resize_nv12: the crop scaled into inner, as NV12; black is the luma code of the
 * border. Grid: one thread for 2x2 pixels. */
typedef struct fp_resize_nv12_params {
    fp_view view;
    uint64_t luma, chroma;
    int32_t luma_pitch, chroma_pitch;
    int32_t filter;
    int32_t black;
} fp_resize_nv12_params;
FP_ASSERT_SIZE(fp_resize_nv12_params, 112);

/* fp_nv12_to_tensor: the crop scaled into inner, as RGB (or BGR) in planes (NCHW) or
 * pixels (NHWC) of one picture. Element = value * scale[c] + bias[c], for UINT8
 * rounded to nearest (to even) and saturated; border pixels have the value pad[c]. c
 * counts in the order of the output. plane_stride and row_stride are in elements. Grid:
 * one thread per pixel. */
enum { FP_TENSOR_UINT8 = 0, FP_TENSOR_FP16 = 1, FP_TENSOR_FP32 = 2 };
enum { FP_TENSOR_NCHW = 0, FP_TENSOR_NHWC = 1 };
typedef struct fp_nv12_to_tensor_params {
    fp_view view;
    uint64_t out;
    int64_t plane_stride;
    fp_rgb_table table;
    float scale[3], bias[3];
    float pad[3];
    int32_t row_stride;
    int32_t type, layout;
    int32_t bgr;
    int32_t filter;
} fp_nv12_to_tensor_params;
FP_ASSERT_SIZE(fp_nv12_to_tensor_params, 200);

/* fp_hash64 adds a hash of the luma of the whole source to *out, which the caller
 * sets to zero before. Grid: one thread for 8x16 pixels. */
typedef struct fp_hash64_params {
    fp_picture source;
    uint64_t out;
} fp_hash64_params;
FP_ASSERT_SIZE(fp_hash64_params, 48);

#endif
