#include "bridge.h"

#include <string.h>

#define SYMBOL_CUDA(required, member, parameters, versioned, plain) {versioned, plain, offsetof(fp_cuda, member), required},
#define SYMBOL_CUVID(required, member, parameters, versioned, plain) {versioned, plain, offsetof(fp_cuvid, member), required},

const fp_symbol *fp_gpu_cuda_symbols(int *count) {
	static const fp_symbol symbols[] = {FP_CUDA_SYMBOLS(SYMBOL_CUDA)};
	*count = sizeof symbols / sizeof *symbols;
	return symbols;
}

const fp_symbol *fp_gpu_cuvid_symbols(int *count) {
	static const fp_symbol symbols[] = {FP_CUVID_SYMBOLS(SYMBOL_CUVID)};
	*count = sizeof symbols / sizeof *symbols;
	return symbols;
}

void fp_gpu_table_set(void *table, size_t offset, void *function) {
	memcpy((char *)table + offset, &function, sizeof function);
}

int fp_gpu_init(const fp_cuda *cu, int *version, int *devices) {
	CUresult r = cu->cuInit(0);
	if (r == CUDA_SUCCESS) r = cu->cuDriverGetVersion(version);
	if (r == CUDA_SUCCESS) r = cu->cuDeviceGetCount(devices);
	return r;
}

const char *fp_gpu_error_name(const fp_cuda *cu, int code) {
	const char *name = NULL;
	return cu->cuGetErrorName((CUresult)code, &name) == CUDA_SUCCESS ? name : NULL;
}

int fp_gpu_info(const fp_cuda *cu, int ordinal, fp_device_info *info) {
	CUdevice device;
	CUuuid uuid;
	memset(info, 0, sizeof *info);
	CUresult r = cu->cuDeviceGet(&device, ordinal);
	if (r == CUDA_SUCCESS) r = cu->cuDeviceGetName(info->name, sizeof info->name - 1, device);
	if (r == CUDA_SUCCESS) r = cu->cuDeviceGetPCIBusId(info->pci_bus_id, sizeof info->pci_bus_id - 1, device);
	if (r == CUDA_SUCCESS) r = cu->cuDeviceGetUuid(&uuid, device);
	if (r == CUDA_SUCCESS) r = cu->cuDeviceTotalMem(&info->total_bytes, device);
	if (r == CUDA_SUCCESS) r = cu->cuDeviceGetAttribute(&info->major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
	if (r == CUDA_SUCCESS) r = cu->cuDeviceGetAttribute(&info->minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
	if (r == CUDA_SUCCESS) r = cu->cuDeviceGetAttribute(&info->compute_mode, CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, device);
	if (r == CUDA_SUCCESS) memcpy(info->uuid, uuid.bytes, sizeof info->uuid);
	return r;
}

int fp_gpu_retain(const fp_cuda *cu, int ordinal, void **context, int *sleeps) {
	const unsigned int schedule = 7; // CU_CTX_SCHED_MASK
	unsigned int flags = 0;
	int active = 0;
	CUdevice device;
	CUcontext retained = NULL;
	CUresult r = cu->cuDeviceGet(&device, ordinal);
	// Old drivers refuse this for a context that someone else has retained;
	// that costs CPU time and nothing else, so what we got is asked below.
	if (r == CUDA_SUCCESS) cu->cuDevicePrimaryCtxSetFlags(device, CU_CTX_SCHED_BLOCKING_SYNC);
	if (r == CUDA_SUCCESS) r = cu->cuDevicePrimaryCtxRetain(&retained, device);
	if (r != CUDA_SUCCESS) return r;
	r = cu->cuDevicePrimaryCtxGetState(device, &flags, &active);
	*sleeps = r == CUDA_SUCCESS && (flags & schedule) == CU_CTX_SCHED_BLOCKING_SYNC;
	*context = retained;
	return CUDA_SUCCESS;
}

int fp_gpu_release(const fp_cuda *cu, int ordinal) {
	CUdevice device;
	CUresult r = cu->cuDeviceGet(&device, ordinal);
	return r == CUDA_SUCCESS ? cu->cuDevicePrimaryCtxRelease(device) : r;
}

// Runs work, an expression with a CUresult, with context current.
#define IN_CONTEXT(cu, context, work)                 \
	do {                                              \
		CUresult pushed = fp_push(cu, context);       \
		if (pushed != CUDA_SUCCESS) return pushed;    \
		return fp_pop_after(cu, work);                \
	} while (0)

static CUresult engines(const fp_cuvid *cuvid, int *count) {
	const cudaVideoCodec codecs[] = {cudaVideoCodec_H264, cudaVideoCodec_HEVC};
	*count = 0;
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
		CUVIDDECODECAPS caps;
		memset(&caps, 0, sizeof caps);
		caps.eCodecType = codecs[i];
		caps.eChromaFormat = cudaVideoChromaFormat_420;
		CUresult r = cuvid->cuvidGetDecoderCaps(&caps);
		if (r != CUDA_SUCCESS) return r;
		if (!caps.bIsSupported) continue;
		// Drivers before 470 leave the number at 0.
		int n = caps.nNumNVDECs > 0 ? caps.nNumNVDECs : 1;
		if (n > *count) *count = n;
	}
	return CUDA_SUCCESS;
}

int fp_gpu_engines(const fp_cuda *cu, const fp_cuvid *cuvid, void *context, int *count) {
	if (cuvid->cuvidGetDecoderCaps == NULL) {
		*count = 1;
		return CUDA_SUCCESS;
	}
	IN_CONTEXT(cu, context, engines(cuvid, count));
}

int fp_gpu_mem_info(const fp_cuda *cu, void *context, size_t *free_bytes, size_t *total_bytes) {
	IN_CONTEXT(cu, context, cu->cuMemGetInfo(free_bytes, total_bytes));
}

int fp_gpu_alloc(const fp_cuda *cu, void *context, size_t bytes, uint64_t *address) {
	CUdeviceptr p = 0;
	CUresult r = fp_push(cu, context);
	if (r != CUDA_SUCCESS) return r;
	r = fp_pop_after(cu, cu->cuMemAlloc(&p, bytes));
	*address = p;
	return r;
}

int fp_gpu_free(const fp_cuda *cu, void *context, uint64_t address) { IN_CONTEXT(cu, context, cu->cuMemFree(address)); }

int fp_gpu_host_alloc(const fp_cuda *cu, void *context, size_t bytes, void **host) {
	IN_CONTEXT(cu, context, cu->cuMemHostAlloc(host, bytes, FP_CU_MEMHOSTALLOC_PORTABLE));
}

int fp_gpu_host_free(const fp_cuda *cu, void *context, void *host) { IN_CONTEXT(cu, context, cu->cuMemFreeHost(host)); }

int fp_gpu_stream_create(const fp_cuda *cu, void *context, void **stream) {
	IN_CONTEXT(cu, context, cu->cuStreamCreate((CUstream *)stream, CU_STREAM_NON_BLOCKING));
}

int fp_gpu_stream_destroy(const fp_cuda *cu, void *context, void *stream) {
	IN_CONTEXT(cu, context, cu->cuStreamDestroy(stream));
}

int fp_gpu_stream_synchronize(const fp_cuda *cu, void *context, void *stream) {
	IN_CONTEXT(cu, context, cu->cuStreamSynchronize(stream));
}

int fp_gpu_stream_wait(const fp_cuda *cu, void *context, void *stream, void *event) {
	IN_CONTEXT(cu, context, cu->cuStreamWaitEvent(stream, event, CU_EVENT_WAIT_DEFAULT));
}

int fp_gpu_event_create(const fp_cuda *cu, void *context, void **event) {
	IN_CONTEXT(cu, context, cu->cuEventCreate((CUevent *)event, CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING));
}

int fp_gpu_event_destroy(const fp_cuda *cu, void *context, void *event) {
	IN_CONTEXT(cu, context, cu->cuEventDestroy(event));
}

int fp_gpu_event_record(const fp_cuda *cu, void *context, void *event, void *stream) {
	IN_CONTEXT(cu, context, cu->cuEventRecord(event, stream));
}

int fp_gpu_event_query(const fp_cuda *cu, void *context, void *event) {
	IN_CONTEXT(cu, context, cu->cuEventQuery(event));
}

int fp_gpu_event_synchronize(const fp_cuda *cu, void *context, void *event) {
	IN_CONTEXT(cu, context, cu->cuEventSynchronize(event));
}

int fp_gpu_module_load(const fp_cuda *cu, void *context, const void *image, char *log, size_t size, void **module) {
	CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
	void *values[] = {log, (void *)(uintptr_t)size};
	IN_CONTEXT(cu, context, cu->cuModuleLoadDataEx((CUmodule *)module, image, 2, options, values));
}

int fp_gpu_module_unload(const fp_cuda *cu, void *context, void *module) {
	IN_CONTEXT(cu, context, cu->cuModuleUnload(module));
}

int fp_gpu_function(const fp_cuda *cu, void *context, void *module, const char *name, void **function) {
	IN_CONTEXT(cu, context, cu->cuModuleGetFunction((CUfunction *)function, module, name));
}

int fp_gpu_launch(const fp_cuda *cu, void *context, void *function, void *stream, uint32_t grid_x, uint32_t grid_y,
                  uint32_t grid_z, uint32_t block_x, uint32_t block_y, uint32_t block_z, void *params) {
	void *arguments[] = {params};
	IN_CONTEXT(cu, context,
	           cu->cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, 0, stream, arguments, NULL));
}

int fp_gpu_copy(const fp_cuda *cu, void *context, void *stream, fp_rows to, fp_rows from, size_t width, size_t height) {
	CUDA_MEMCPY2D copy;
	memset(&copy, 0, sizeof copy);
	copy.srcMemoryType = from.host != NULL ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
	copy.srcHost = from.host;
	copy.srcDevice = from.device;
	copy.srcPitch = from.pitch;
	copy.dstMemoryType = to.host != NULL ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
	copy.dstHost = to.host;
	copy.dstDevice = to.device;
	copy.dstPitch = to.pitch;
	copy.WidthInBytes = width;
	copy.Height = height;
	IN_CONTEXT(cu, context, cu->cuMemcpy2DAsync(&copy, stream));
}

int fp_gpu_set(const fp_cuda *cu, void *context, void *stream, uint64_t to, size_t pitch, int value, size_t width,
               size_t height) {
	IN_CONTEXT(cu, context, cu->cuMemsetD2D8Async(to, pitch, (unsigned char)value, width, height, stream));
}

int fp_gpu_set_word(const fp_cuda *cu, void *context, void *stream, uint64_t address, uint32_t value) {
	IN_CONTEXT(cu, context, cu->cuMemsetD32Async(address, value, 1, stream));
}

int fp_gpu_ipc_export(const fp_cuda *cu, void *context, uint64_t address, void *handle) {
	if (cu->cuIpcGetMemHandle == NULL) return FP_CUDA_ERROR_NOT_SUPPORTED;
	IN_CONTEXT(cu, context, cu->cuIpcGetMemHandle(handle, address));
}

static CUresult ipc_open(const fp_cuda *cu, const void *bytes, uint64_t *address, size_t *size) {
	fp_ipc_mem_handle handle;
	CUdeviceptr mapped = 0, base = 0;
	memcpy(&handle, bytes, sizeof handle);
	CUresult r = cu->cuIpcOpenMemHandle(&mapped, handle, FP_CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
	if (r != CUDA_SUCCESS) return r;
	r = cu->cuMemGetAddressRange(&base, size, mapped);
	if (r != CUDA_SUCCESS) cu->cuIpcCloseMemHandle(mapped);
	*address = mapped;
	return r;
}

int fp_gpu_ipc_open(const fp_cuda *cu, void *context, const void *handle, uint64_t *address, size_t *bytes) {
	if (cu->cuIpcOpenMemHandle == NULL || cu->cuIpcCloseMemHandle == NULL) return FP_CUDA_ERROR_NOT_SUPPORTED;
	IN_CONTEXT(cu, context, ipc_open(cu, handle, address, bytes));
}

int fp_gpu_ipc_close(const fp_cuda *cu, void *context, uint64_t address) {
	IN_CONTEXT(cu, context, cu->cuIpcCloseMemHandle(address));
}
