#ifndef FP_GPU_BRIDGE_H
#define FP_GPU_BRIDGE_H

#include "fp_cuda.h"

// Functions return a CUresult. Those that take a context push it, work and pop.

// fp_symbol is one entry of a function table.
typedef struct fp_symbol {
	const char *versioned, *plain;
	size_t offset; // in the table
	int required;
} fp_symbol;

const fp_symbol *fp_gpu_cuda_symbols(int *count);
const fp_symbol *fp_gpu_cuvid_symbols(int *count);
void fp_gpu_table_set(void *table, size_t offset, void *function);

typedef struct fp_device_info {
	char name[128];
	char pci_bus_id[32];
	unsigned char uuid[16];
	size_t total_bytes;
	int major, minor, compute_mode;
} fp_device_info;

int fp_gpu_init(const fp_cuda *cu, int *version, int *devices);
const char *fp_gpu_error_name(const fp_cuda *cu, int code);
int fp_gpu_info(const fp_cuda *cu, int ordinal, fp_device_info *info);

// Asks for threads that sleep while they wait; *sleeps says whether it was granted.
int fp_gpu_retain(const fp_cuda *cu, int ordinal, void **context, int *sleeps);
int fp_gpu_release(const fp_cuda *cu, int ordinal);
// *engines is 0 when the device decodes neither H.264 nor HEVC, 1 when the driver does not tell.
int fp_gpu_engines(const fp_cuda *cu, const fp_cuvid *cuvid, void *context, int *engines);

int fp_gpu_mem_info(const fp_cuda *cu, void *context, size_t *free_bytes, size_t *total_bytes);
int fp_gpu_alloc(const fp_cuda *cu, void *context, size_t bytes, uint64_t *address);
int fp_gpu_free(const fp_cuda *cu, void *context, uint64_t address);
int fp_gpu_host_alloc(const fp_cuda *cu, void *context, size_t bytes, void **host);
int fp_gpu_host_free(const fp_cuda *cu, void *context, void *host);

int fp_gpu_stream_create(const fp_cuda *cu, void *context, void **stream);
int fp_gpu_stream_destroy(const fp_cuda *cu, void *context, void *stream);
int fp_gpu_stream_synchronize(const fp_cuda *cu, void *context, void *stream);
int fp_gpu_stream_wait(const fp_cuda *cu, void *context, void *stream, void *event);

int fp_gpu_event_create(const fp_cuda *cu, void *context, void **event);
int fp_gpu_event_destroy(const fp_cuda *cu, void *context, void *event);
int fp_gpu_event_record(const fp_cuda *cu, void *context, void *event, void *stream);
int fp_gpu_event_query(const fp_cuda *cu, void *context, void *event);
int fp_gpu_event_synchronize(const fp_cuda *cu, void *context, void *event);

// image is text that ends in NUL; the compiler's complaints go to log.
int fp_gpu_module_load(const fp_cuda *cu, void *context, const void *image, char *log, size_t size, void **module);
int fp_gpu_module_unload(const fp_cuda *cu, void *context, void *module);
int fp_gpu_function(const fp_cuda *cu, void *context, void *module, const char *name, void **function);
// params is the kernel's one parameter, a structure by value.
int fp_gpu_launch(const fp_cuda *cu, void *context, void *function, void *stream, uint32_t grid_x, uint32_t grid_y,
                  uint32_t grid_z, uint32_t block_x, uint32_t block_y, uint32_t block_z, void *params);

// fp_rows is a rectangle in memory: rows of the same width, pitch bytes apart.
typedef struct fp_rows {
	uint64_t device; // or
	void *host;      // one of them is 0
	size_t pitch;
} fp_rows;

int fp_gpu_copy(const fp_cuda *cu, void *context, void *stream, fp_rows to, fp_rows from, size_t width, size_t height);
int fp_gpu_set(const fp_cuda *cu, void *context, void *stream, uint64_t to, size_t pitch, int value, size_t width,
               size_t height);
// address is a multiple of 4.
int fp_gpu_set_word(const fp_cuda *cu, void *context, void *stream, uint64_t address, uint32_t value);

int fp_gpu_ipc_export(const fp_cuda *cu, void *context, uint64_t address, void *handle);
int fp_gpu_ipc_open(const fp_cuda *cu, void *context, const void *handle, uint64_t *address, size_t *bytes);
int fp_gpu_ipc_close(const fp_cuda *cu, void *context, uint64_t address);

#endif
