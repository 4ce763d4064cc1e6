// A driver that starts, or refuses to, as the test wishes: -DINIT_CODE=803 and so on.
#include "fp_cuda.h"

#include <string.h>

#ifndef INIT_CODE
#define INIT_CODE 0
#endif
#ifndef RETAIN_CODE
#define RETAIN_CODE 0
#endif
#ifndef COMPUTE_MODE
#define COMPUTE_MODE 0
#endif
#ifndef DEVICES
#define DEVICES 1
#endif
#ifndef CAPS_CODE
#define CAPS_CODE 0
#endif
#ifndef ENGINES
#define ENGINES 0
#endif

#ifdef STUB_CUDA
CUresult cuInit(unsigned int flags) { return flags == 0 ? (CUresult)INIT_CODE : FP_CUDA_ERROR_INVALID_VALUE; }

CUresult cuDriverGetVersion(int *version) {
	*version = 12080;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
	*count = DEVICES;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
	*device = 100 + ordinal; // not the ordinal: they must not be mixed up
	return CUDA_SUCCESS;
}

static CUresult known(CUdevice device) { return device >= 100 ? CUDA_SUCCESS : FP_CUDA_ERROR_INVALID_DEVICE; }

CUresult cuDeviceGetName(char *name, int len, CUdevice device) {
	strncpy(name, "Stub", len);
	return known(device);
}

CUresult cuDeviceGetPCIBusId(char *id, int len, CUdevice device) {
	strncpy(id, "0000:0A:00.0", len);
	return known(device);
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
	memset(uuid, device, sizeof *uuid);
	return known(device);
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice device) {
	*bytes = (size_t)8 << 30;
	return known(device);
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
	*value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR   ? 9
	         : attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR ? 0
	         : attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_MODE             ? COMPUTE_MODE
	                                                                     : -1;
	return known(device);
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
	*context = (CUcontext)(size_t)device;
	return (CUresult)RETAIN_CODE;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) { return known(device); }
CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned int flags) { return known(device + 0 * flags); }

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *flags, int *active) {
	*flags = 1; // CU_CTX_SCHED_SPIN: someone else made the context
	*active = 1;
	return known(device);
}

CUresult cuCtxPushCurrent(CUcontext context) { return context != NULL ? CUDA_SUCCESS : FP_CUDA_ERROR_INVALID_CONTEXT; }
CUresult cuCtxPopCurrent(CUcontext *context) { return *context = NULL, CUDA_SUCCESS; }
#endif

#ifdef STUB_CUVID
CUresult cuvidGetDecoderCaps(CUVIDDECODECAPS *caps) {
	caps->bIsSupported = ENGINES != 0;
	caps->nNumNVDECs = ENGINES > 0 ? ENGINES : 0; // -1: supported, and no number
	return (CUresult)CAPS_CODE;
}
#endif
