#ifndef FP_HOSTKERNELS_RUN_H
#define FP_HOSTKERNELS_RUN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Runs a kernel with so many threads; -1 when there is none of that name.
int fp_host_run(const char *name, int32_t threads_x, int32_t threads_y, const void *params);

// The size of a parameter struct, and the offset of its k-th field; -1 at the end.
int64_t fp_host_size(const char *type);
int64_t fp_host_offset(const char *type, int k);

// The hash of the sources this was compiled from.
const char *fp_host_source(void);

#ifdef __cplusplus
}
#endif

#endif
