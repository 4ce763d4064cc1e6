// The part of nvJPEG's interface that is simulated (docs.nvidia.com/cuda/nvjpeg).
#ifndef FP_GPUSIM_NVJPEG_H
#define FP_GPUSIM_NVJPEG_H

#include <cstddef>

#include "fp_cuda.h"

enum {
    jpeg_success = 0,
    jpeg_not_initialized = 1,
    jpeg_invalid_parameter = 2,
    jpeg_allocator_failure = 5,
    jpeg_execution_failed = 6,
    jpeg_internal_error = 8,
    jpeg_not_supported = 9,
    jpeg_incomplete = 10,
};

enum { jpeg_444 = 0, jpeg_422 = 1, jpeg_420 = 2, jpeg_gray = 6 };
enum { jpeg_rgb = 3, jpeg_bgr = 4, jpeg_rgbi = 5, jpeg_bgri = 6 };

struct nvjpegImage {
    unsigned char *channel[4];
    size_t pitch[4];
};
static_assert(sizeof(nvjpegImage) == 64, "nvjpegImage_t");

typedef struct nvjpegHandle *nvjpegHandle_t;
typedef struct nvjpegEncoderState *nvjpegEncoderState_t;
typedef struct nvjpegEncoderParams *nvjpegEncoderParams_t;

#endif
