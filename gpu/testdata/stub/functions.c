// Every function of the driver, under its plain name, failing. driver.c replaces
// the ones that a start needs.
#include "fp_cuda.h"

#define FAILING(required, member, parameters, versioned, plain) \
	__attribute__((weak)) CUresult member parameters { return CUDA_ERROR_UNKNOWN; }

#ifdef STUB_CUDA
FP_CUDA_SYMBOLS(FAILING)
#endif
#ifdef STUB_CUVID
FP_CUVID_SYMBOLS(FAILING)
#endif
