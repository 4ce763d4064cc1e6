// A program that drives the simulated driver directly: gpusim_test.go runs each of its
// cases in a process of its own and looks at the exit status and at what is printed.
#ifndef FP_GPUSIM_SIMTEST_H
#define FP_GPUSIM_SIMTEST_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "fp_cuda.h"

extern "C" {
CUresult cuInit(unsigned);
CUresult cuDevicePrimaryCtxRetain(CUcontext *, CUdevice);
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice);
CUresult cuCtxPushCurrent_v2(CUcontext);
CUresult cuCtxPopCurrent_v2(CUcontext *);
CUresult cuCtxSynchronize(void);
CUresult cuMemGetInfo_v2(size_t *, size_t *);
CUresult cuMemAlloc_v2(CUdeviceptr *, size_t);
CUresult cuMemFree_v2(CUdeviceptr);
CUresult cuMemHostAlloc(void **, size_t, unsigned);
CUresult cuMemFreeHost(void *);
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *, CUstream);
CUresult cuMemcpyDtoHAsync_v2(void *, CUdeviceptr, size_t, CUstream);
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr, const void *, size_t, CUstream);
CUresult cuMemsetD8Async(CUdeviceptr, unsigned char, size_t, CUstream);
CUresult cuMemsetD32Async(CUdeviceptr, unsigned, size_t, CUstream);
CUresult cuStreamCreate(CUstream *, unsigned);
CUresult cuStreamDestroy_v2(CUstream);
CUresult cuStreamSynchronize(CUstream);
CUresult cuStreamQuery(CUstream);
CUresult cuLaunchHostFunc(CUstream, fp_host_fn *, void *);
CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned);
CUresult cuEventCreate(CUevent *, unsigned);
CUresult cuEventDestroy_v2(CUevent);
CUresult cuEventRecord(CUevent, CUstream);
CUresult cuEventQuery(CUevent);
CUresult cuEventSynchronize(CUevent);
CUresult cuModuleLoadDataEx(CUmodule *, const void *, unsigned, CUjit_option *, void **);
CUresult cuModuleUnload(CUmodule);
CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *);
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **);
CUresult cuIpcGetMemHandle(fp_ipc_mem_handle *, CUdeviceptr);
CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *, fp_ipc_mem_handle, unsigned);
CUresult cuIpcCloseMemHandle(CUdeviceptr);
CUresult cuvidCreateVideoParser(CUvideoparser *, CUVIDPARSERPARAMS *);
CUresult cuvidParseVideoData(CUvideoparser, CUVIDSOURCEDATAPACKET *);
CUresult cuvidDestroyVideoParser(CUvideoparser);
CUresult cuvidCreateDecoder(CUvideodecoder *, CUVIDDECODECREATEINFO *);
CUresult cuvidDestroyDecoder(CUvideodecoder);
CUresult cuvidDecodePicture(CUvideodecoder, CUVIDPICPARAMS *);
CUresult cuvidGetDecodeStatus(CUvideodecoder, int, CUVIDGETDECODESTATUS *);
CUresult cuvidMapVideoFrame64(CUvideodecoder, int, unsigned long long *, unsigned *, CUVIDPROCPARAMS *);
CUresult cuvidUnmapVideoFrame64(CUvideodecoder, unsigned long long);
CUresult cuvidReconfigureDecoder(CUvideodecoder, CUVIDRECONFIGUREDECODERINFO *);
CUresult cuvidGetDecoderCaps(CUVIDDECODECAPS *);

int64_t fp_gpusim_live(const char *kind);
int64_t fp_gpusim_violations(void);
int64_t fp_gpusim_take_violations(char *last, size_t size);
int64_t fp_gpusim_used(int device);
int64_t fp_gpusim_calls(const char *name);
void fp_gpusim_fail(const char *spec);
void fp_gpusim_block(const char *spec);
void fp_gpusim_stall(int on);
int64_t fp_gpusim_depth(void);
}

// Ends the program with status 1 when a call does not return what it should.
#define WANT(result, call)                                                                                                                \
    do {                                                                                                                                  \
        int got_ = static_cast<int>(call);                                                                                                \
        if (got_ != (result)) {                                                                                                           \
            std::fprintf(stderr, "%s:%d: %s returned %d, want %d\n", __FILE__, __LINE__, #call, got_, static_cast<int>(result));          \
            std::_Exit(1);                                                                                                                \
        }                                                                                                                                 \
    } while (0)
#define OK(call) WANT(0, call)
#define TRUE(condition)                                                                                                                   \
    do {                                                                                                                                  \
        if (!(condition)) {                                                                                                               \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                                  \
            std::_Exit(1);                                                                                                                \
        }                                                                                                                                 \
    } while (0)

// A call that must break exactly one rule, and no more.
#define BREAKS(result, call)                                                                                                              \
    do {                                                                                                                                  \
        TRUE(fp_gpusim_take_violations(nullptr, 0) == 0);                                                                                 \
        WANT(result, call);                                                                                                               \
        TRUE(fp_gpusim_take_violations(nullptr, 0) == 1);                                                                                 \
    } while (0)

// The primary context of a device, current for the life of the object.
class Current {
public:
    explicit Current(int device = 0) : device_(device) {
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&handle, device));
        OK(cuCtxPushCurrent_v2(handle));
    }
    ~Current() {
        OK(cuCtxPopCurrent_v2(nullptr));
        OK(cuDevicePrimaryCtxRelease_v2(device_));
    }
    CUcontext handle = nullptr;

private:
    int device_;
};

// decode.cpp
int decode(int argc, char **argv);
// One case of rules.cpp, media.cpp; false when there is none of that name.
bool run_rule(const char *name);
bool run_media(const char *name);
// ipc.cpp
void ipc();

#endif
