// nvJPEG's encoder, declared by hand after https://docs.nvidia.com/cuda/nvjpeg: the
// part of it that is the same in versions 11, 12 and 13.
#ifndef FP_NVJPEG_H
#define FP_NVJPEG_H

#include "fp_cuda.h"

enum {
	FP_NVJPEG_SUCCESS = 0,
	FP_NVJPEG_BASELINE = 0xc0, // nvjpegJpegEncoding_t
	FP_NVJPEG_420 = 2,         // nvjpegChromaSubsampling_t
};

typedef struct fp_nvjpeg_image { // nvjpegImage_t
	unsigned char *channel[4];   // in device memory
	size_t pitch[4];
} fp_nvjpeg_image;
static_assert(sizeof(fp_nvjpeg_image) == 64, "nvjpegImage_t");

// Functions return an nvjpegStatus_t. A cudaStream_t is a CUstream.
#define FP_NVJPEG_SYMBOLS(X)                                                                                           \
	X(nvjpegGetProperty, (int type, int *value))                                                                        \
	X(nvjpegCreateSimple, (void **handle))                                                                              \
	X(nvjpegDestroy, (void *handle))                                                                                    \
	X(nvjpegEncoderStateCreate, (void *handle, void **state, CUstream stream))                                          \
	X(nvjpegEncoderStateDestroy, (void *state))                                                                         \
	X(nvjpegEncoderParamsCreate, (void *handle, void **params, CUstream stream))                                        \
	X(nvjpegEncoderParamsDestroy, (void *params))                                                                       \
	X(nvjpegEncoderParamsSetQuality, (void *params, int quality, CUstream stream))                                      \
	X(nvjpegEncoderParamsSetEncoding, (void *params, int encoding, CUstream stream))                                    \
	X(nvjpegEncoderParamsSetOptimizedHuffman, (void *params, int optimized, CUstream stream))                           \
	X(nvjpegEncoderParamsSetSamplingFactors, (void *params, int sampling, CUstream stream))                             \
	X(nvjpegEncodeYUV, (void *handle, void *state, const void *params, const fp_nvjpeg_image *image, int sampling,      \
	                    int width, int height, CUstream stream))                                                        \
	X(nvjpegEncodeRetrieveBitstream, (void *handle, void *state, unsigned char *data, size_t *length, CUstream stream))

#define FP_MEMBER(name, parameters) int(*name) parameters;
typedef struct fp_nvjpeg {
	FP_NVJPEG_SYMBOLS(FP_MEMBER)
} fp_nvjpeg;
#undef FP_MEMBER

#endif
