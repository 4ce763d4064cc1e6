// The driver's functions as tables, for all C code of this module.
//
// libcuda.so.1 and libnvcuvid.so.1 are opened at run time by package gpu, which
// fills one fp_cuda and one fp_cuvid and hands out their addresses
// (gpu.Driver.CUDA and gpu.Driver.CUVID). The tables live as long as the process
// and never change. Types come from the ffnvcodec headers (pkg-config ffnvcodec).
//
// Rule for every C function that Go calls: fp_push, work, fp_pop, all in that one
// call. A context that stays current would be some other goroutine's surprise,
// because Go moves goroutines between threads. Members keep the plain name of the
// function; the symbol behind it is the newest version that we know.
#ifndef FP_CUDA_H
#define FP_CUDA_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <ffnvcodec/dynlink_cuda.h>

#include <ffnvcodec/dynlink_cuviddec.h>
#include <ffnvcodec/dynlink_nvcuvid.h>

#ifndef CU_EVENT_WAIT_DEFAULT
#error "the ffnvcodec headers are older than 12.0: run make deps, then eval $(deps/env.sh)"
#endif

// Result codes that the ffnvcodec headers leave out.
#define FP_CUDA_ERROR_INVALID_VALUE ((CUresult)1)
#define FP_CUDA_ERROR_OUT_OF_MEMORY ((CUresult)2)
#define FP_CUDA_ERROR_NOT_INITIALIZED ((CUresult)3)
#define FP_CUDA_ERROR_DEINITIALIZED ((CUresult)4)
#define FP_CUDA_ERROR_STUB_LIBRARY ((CUresult)34)
#define FP_CUDA_ERROR_DEVICE_UNAVAILABLE ((CUresult)46)
#define FP_CUDA_ERROR_NO_DEVICE ((CUresult)100)
#define FP_CUDA_ERROR_INVALID_DEVICE ((CUresult)101)
#define FP_CUDA_ERROR_INVALID_CONTEXT ((CUresult)201)
#define FP_CUDA_ERROR_MAP_FAILED ((CUresult)205)
#define FP_CUDA_ERROR_UNMAP_FAILED ((CUresult)206)
#define FP_CUDA_ERROR_ALREADY_MAPPED ((CUresult)208)
#define FP_CUDA_ERROR_NO_BINARY_FOR_GPU ((CUresult)209)
#define FP_CUDA_ERROR_ECC_UNCORRECTABLE ((CUresult)214)
#define FP_CUDA_ERROR_INVALID_PTX ((CUresult)218)
#define FP_CUDA_ERROR_UNSUPPORTED_PTX_VERSION ((CUresult)222)
#define FP_CUDA_ERROR_INVALID_HANDLE ((CUresult)400)
#define FP_CUDA_ERROR_NOT_FOUND ((CUresult)500)
#define FP_CUDA_ERROR_ILLEGAL_ADDRESS ((CUresult)700)
#define FP_CUDA_ERROR_LAUNCH_FAILED ((CUresult)719)
#define FP_CUDA_ERROR_NOT_PERMITTED ((CUresult)800)
#define FP_CUDA_ERROR_NOT_SUPPORTED ((CUresult)801)
#define FP_CUDA_ERROR_SYSTEM_NOT_READY ((CUresult)802)
#define FP_CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ((CUresult)803)
#define FP_CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE ((CUresult)804)

#define FP_CU_MEMHOSTALLOC_PORTABLE 1
#define FP_CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS 1
#define FP_CU_COMPUTEMODE_PROHIBITED 2
#define FP_CU_COMPUTEMODE_EXCLUSIVE_PROCESS 3

// CUipcMemHandle, which the ffnvcodec headers leave out: 64 opaque bytes.
typedef struct fp_ipc_mem_handle {
	char reserved[64];
} fp_ipc_mem_handle;

typedef void CUDAAPI fp_host_fn(void *user);

// FP_CUDA_SYMBOLS calls X(required, member, parameters, versioned, plain) for
// every function of libcuda. versioned is looked up first, then plain; equal
// names are looked up once. A function that is not required may be NULL.
#define FP_CUDA_SYMBOLS(X)                                                                                              \
	X(1, cuInit, (unsigned int flags), "cuInit", "cuInit")                                                              \
	X(1, cuDriverGetVersion, (int *version), "cuDriverGetVersion", "cuDriverGetVersion")                                \
	X(1, cuGetErrorName, (CUresult error, const char **name), "cuGetErrorName", "cuGetErrorName")                       \
	X(1, cuDeviceGetCount, (int *count), "cuDeviceGetCount", "cuDeviceGetCount")                                        \
	X(1, cuDeviceGet, (CUdevice *device, int ordinal), "cuDeviceGet", "cuDeviceGet")                                    \
	X(1, cuDeviceGetName, (char *name, int len, CUdevice device), "cuDeviceGetName", "cuDeviceGetName")                 \
	X(1, cuDeviceGetUuid, (CUuuid *uuid, CUdevice device), "cuDeviceGetUuid_v2", "cuDeviceGetUuid")                     \
	X(1, cuDeviceGetPCIBusId, (char *id, int len, CUdevice device), "cuDeviceGetPCIBusId", "cuDeviceGetPCIBusId")       \
	X(1, cuDeviceTotalMem, (size_t *bytes, CUdevice device), "cuDeviceTotalMem_v2", "cuDeviceTotalMem")                 \
	X(1, cuDeviceGetAttribute, (int *value, CUdevice_attribute attribute, CUdevice device),                             \
	  "cuDeviceGetAttribute", "cuDeviceGetAttribute")                                                                   \
	X(1, cuDevicePrimaryCtxRetain, (CUcontext *context, CUdevice device),                                               \
	  "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRetain")                                                           \
	X(1, cuDevicePrimaryCtxRelease, (CUdevice device), "cuDevicePrimaryCtxRelease_v2", "cuDevicePrimaryCtxRelease")     \
	X(1, cuDevicePrimaryCtxSetFlags, (CUdevice device, unsigned int flags),                                             \
	  "cuDevicePrimaryCtxSetFlags_v2", "cuDevicePrimaryCtxSetFlags")                                                    \
	X(1, cuDevicePrimaryCtxGetState, (CUdevice device, unsigned int *flags, int *active),                               \
	  "cuDevicePrimaryCtxGetState", "cuDevicePrimaryCtxGetState")                                                       \
	X(1, cuCtxPushCurrent, (CUcontext context), "cuCtxPushCurrent_v2", "cuCtxPushCurrent")                              \
	X(1, cuCtxPopCurrent, (CUcontext *context), "cuCtxPopCurrent_v2", "cuCtxPopCurrent")                                \
	X(1, cuCtxGetCurrent, (CUcontext *context), "cuCtxGetCurrent", "cuCtxGetCurrent")                                   \
	X(1, cuCtxSynchronize, (void), "cuCtxSynchronize", "cuCtxSynchronize")                                              \
	X(1, cuMemGetInfo, (size_t *free_bytes, size_t *total_bytes), "cuMemGetInfo_v2", "cuMemGetInfo")                    \
	X(1, cuMemAlloc, (CUdeviceptr *address, size_t bytes), "cuMemAlloc_v2", "cuMemAlloc")                               \
	X(1, cuMemFree, (CUdeviceptr address), "cuMemFree_v2", "cuMemFree")                                                 \
	X(1, cuMemHostAlloc, (void **host, size_t bytes, unsigned int flags), "cuMemHostAlloc", "cuMemHostAlloc")           \
	X(1, cuMemFreeHost, (void *host), "cuMemFreeHost", "cuMemFreeHost")                                                 \
	X(1, cuMemGetAddressRange, (CUdeviceptr *base, size_t *bytes, CUdeviceptr address),                                 \
	  "cuMemGetAddressRange_v2", "cuMemGetAddressRange")                                                                \
	X(1, cuMemcpy2DAsync, (const CUDA_MEMCPY2D *copy, CUstream stream), "cuMemcpy2DAsync_v2", "cuMemcpy2DAsync")        \
	X(1, cuMemcpyDtoDAsync, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream),                          \
	  "cuMemcpyDtoDAsync_v2", "cuMemcpyDtoDAsync")                                                                      \
	X(1, cuMemcpyDtoHAsync, (void *to, CUdeviceptr from, size_t bytes, CUstream stream),                                \
	  "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoHAsync")                                                                      \
	X(1, cuMemcpyHtoDAsync, (CUdeviceptr to, const void *from, size_t bytes, CUstream stream),                          \
	  "cuMemcpyHtoDAsync_v2", "cuMemcpyHtoDAsync")                                                                      \
	X(1, cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream),                         \
	  "cuMemsetD8Async", "cuMemsetD8Async")                                                                             \
	X(1, cuMemsetD2D8Async,                                                                                             \
	  (CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height, CUstream stream),                \
	  "cuMemsetD2D8Async", "cuMemsetD2D8Async")                                                                         \
	X(1, cuMemsetD32Async, (CUdeviceptr to, unsigned int value, size_t words, CUstream stream),                         \
	  "cuMemsetD32Async", "cuMemsetD32Async")                                                                           \
	X(1, cuStreamCreate, (CUstream *stream, unsigned int flags), "cuStreamCreate", "cuStreamCreate")                    \
	X(1, cuStreamDestroy, (CUstream stream), "cuStreamDestroy_v2", "cuStreamDestroy")                                   \
	X(1, cuStreamQuery, (CUstream stream), "cuStreamQuery", "cuStreamQuery")                                            \
	X(1, cuStreamSynchronize, (CUstream stream), "cuStreamSynchronize", "cuStreamSynchronize")                          \
	X(1, cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned int flags),                                       \
	  "cuStreamWaitEvent", "cuStreamWaitEvent")                                                                         \
	X(1, cuEventCreate, (CUevent *event, unsigned int flags), "cuEventCreate", "cuEventCreate")                         \
	X(1, cuEventDestroy, (CUevent event), "cuEventDestroy_v2", "cuEventDestroy")                                        \
	X(1, cuEventRecord, (CUevent event, CUstream stream), "cuEventRecord", "cuEventRecord")                             \
	X(1, cuEventQuery, (CUevent event), "cuEventQuery", "cuEventQuery")                                                 \
	X(1, cuEventSynchronize, (CUevent event), "cuEventSynchronize", "cuEventSynchronize")                               \
	X(1, cuModuleLoadDataEx,                                                                                            \
	  (CUmodule *module, const void *image, unsigned int n, CUjit_option *options, void **values),                      \
	  "cuModuleLoadDataEx", "cuModuleLoadDataEx")                                                                       \
	X(1, cuModuleUnload, (CUmodule module), "cuModuleUnload", "cuModuleUnload")                                         \
	X(1, cuModuleGetFunction, (CUfunction *function, CUmodule module, const char *name),                                \
	  "cuModuleGetFunction", "cuModuleGetFunction")                                                                     \
	X(1, cuLaunchKernel,                                                                                                \
	  (CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x,        \
	   unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, CUstream stream, void **params,           \
	   void **extra),                                                                                                   \
	  "cuLaunchKernel", "cuLaunchKernel")                                                                               \
	X(0, cuLaunchHostFunc, (CUstream stream, fp_host_fn * function, void *user),                                        \
	  "cuLaunchHostFunc", "cuLaunchHostFunc")                                                                           \
	X(0, cuEventElapsedTime, (float *milliseconds, CUevent start, CUevent end),                                         \
	  "cuEventElapsedTime", "cuEventElapsedTime")                                                                       \
	X(0, cuIpcGetMemHandle, (fp_ipc_mem_handle * handle, CUdeviceptr address),                                          \
	  "cuIpcGetMemHandle", "cuIpcGetMemHandle")                                                                         \
	X(0, cuIpcOpenMemHandle, (CUdeviceptr * address, fp_ipc_mem_handle handle, unsigned int flags),                     \
	  "cuIpcOpenMemHandle_v2", "cuIpcOpenMemHandle")                                                                    \
	X(0, cuIpcCloseMemHandle, (CUdeviceptr address), "cuIpcCloseMemHandle", "cuIpcCloseMemHandle")

// FP_CUVID_SYMBOLS is the same for libnvcuvid. On 64-bit systems frames are
// mapped with the functions whose names end in 64.
#define FP_CUVID_SYMBOLS(X)                                                                                             \
	X(1, cuvidCreateVideoParser, (CUvideoparser *parser, CUVIDPARSERPARAMS *params),                                    \
	  "cuvidCreateVideoParser", "cuvidCreateVideoParser")                                                               \
	X(1, cuvidParseVideoData, (CUvideoparser parser, CUVIDSOURCEDATAPACKET *packet),                                    \
	  "cuvidParseVideoData", "cuvidParseVideoData")                                                                     \
	X(1, cuvidDestroyVideoParser, (CUvideoparser parser), "cuvidDestroyVideoParser", "cuvidDestroyVideoParser")         \
	X(1, cuvidCreateDecoder, (CUvideodecoder *decoder, CUVIDDECODECREATEINFO *info),                                    \
	  "cuvidCreateDecoder", "cuvidCreateDecoder")                                                                       \
	X(1, cuvidDestroyDecoder, (CUvideodecoder decoder), "cuvidDestroyDecoder", "cuvidDestroyDecoder")                   \
	X(1, cuvidDecodePicture, (CUvideodecoder decoder, CUVIDPICPARAMS *params),                                          \
	  "cuvidDecodePicture", "cuvidDecodePicture")                                                                       \
	X(1, cuvidMapVideoFrame64,                                                                                          \
	  (CUvideodecoder decoder, int picture, unsigned long long *address, unsigned int *pitch,                           \
	   CUVIDPROCPARAMS *params),                                                                                        \
	  "cuvidMapVideoFrame64", "cuvidMapVideoFrame64")                                                                   \
	X(1, cuvidUnmapVideoFrame64, (CUvideodecoder decoder, unsigned long long address),                                  \
	  "cuvidUnmapVideoFrame64", "cuvidUnmapVideoFrame64")                                                               \
	X(0, cuvidGetDecoderCaps, (CUVIDDECODECAPS *caps), "cuvidGetDecoderCaps", "cuvidGetDecoderCaps")                    \
	X(0, cuvidGetDecodeStatus, (CUvideodecoder decoder, int picture, CUVIDGETDECODESTATUS *status),                     \
	  "cuvidGetDecodeStatus", "cuvidGetDecodeStatus")                                                                   \
	X(0, cuvidReconfigureDecoder, (CUvideodecoder decoder, CUVIDRECONFIGUREDECODERINFO *info),                          \
	  "cuvidReconfigureDecoder", "cuvidReconfigureDecoder")

#define FP_MEMBER(required, member, parameters, versioned, plain) CUresult(CUDAAPI *member) parameters;

typedef struct fp_cuda {
	FP_CUDA_SYMBOLS(FP_MEMBER)
} fp_cuda;

typedef struct fp_cuvid {
	FP_CUVID_SYMBOLS(FP_MEMBER)
} fp_cuvid;

#undef FP_MEMBER

// fp_push makes context current on this thread until the matching fp_pop.
static inline CUresult fp_push(const fp_cuda *cu, CUcontext context) { return cu->cuCtxPushCurrent(context); }

static inline CUresult fp_pop(const fp_cuda *cu) {
	CUcontext popped;
	return cu->cuCtxPopCurrent(&popped);
}

// fp_pop_after pops and passes on the result of the work, or else the pop's own.
static inline CUresult fp_pop_after(const fp_cuda *cu, CUresult work) {
	CUresult popped = fp_pop(cu);
	return work != CUDA_SUCCESS ? work : popped;
}

// What the driver was compiled with, on x86-64 and AArch64 Linux. Sizes are the
// same in all header versions from 11.1 to 13.0: newer ones use up reserved words.
#define FP_OFFSET(type, member, at) static_assert(offsetof(type, member) == (at), #type "." #member)
#define FP_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type)

FP_SIZE(void *, 8);
FP_SIZE(CUdeviceptr, 8);
FP_SIZE(CUuuid, 16);
FP_SIZE(fp_ipc_mem_handle, 64);
FP_SIZE(CUDA_MEMCPY2D, 128);
FP_OFFSET(CUDA_MEMCPY2D, srcDevice, 32);
FP_OFFSET(CUDA_MEMCPY2D, dstXInBytes, 56);
FP_OFFSET(CUDA_MEMCPY2D, WidthInBytes, 112);

FP_SIZE(CUVIDDECODECAPS, 88);
FP_SIZE(CUVIDDECODECREATEINFO, 176);
FP_OFFSET(CUVIDDECODECREATEINFO, OutputFormat, 88);
FP_OFFSET(CUVIDDECODECREATEINFO, vidLock, 120);
FP_SIZE(CUVIDRECONFIGUREDECODERINFO, 128);
FP_SIZE(CUVIDPICPARAMS, 4280);
FP_SIZE(CUVIDPROCPARAMS, 264);
FP_OFFSET(CUVIDPROCPARAMS, output_stream, 56);
FP_SIZE(CUVIDGETDECODESTATUS, 192);
FP_SIZE(CUVIDPARSERPARAMS, 136);
FP_OFFSET(CUVIDPARSERPARAMS, ulMaxDisplayDelay, 16);
FP_OFFSET(CUVIDPARSERPARAMS, pUserData, 40);
FP_OFFSET(CUVIDPARSERPARAMS, pExtVideoInfo, 128);
FP_SIZE(CUVIDEOFORMAT, 64);
FP_OFFSET(CUVIDEOFORMAT, min_num_decode_surfaces, 15);
FP_OFFSET(CUVIDEOFORMAT, display_area, 24);
FP_OFFSET(CUVIDEOFORMAT, video_signal_description, 56);
FP_SIZE(CUVIDEOFORMATEX, 1088);
FP_SIZE(CUVIDPARSERDISPINFO, 24);
FP_SIZE(CUVIDSOURCEDATAPACKET, 32);

#undef FP_OFFSET
#undef FP_SIZE

#endif
