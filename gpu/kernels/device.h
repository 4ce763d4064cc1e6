/* What kernels.cu needs from its compiler: clang for PTX, without any CUDA file, or
 * any C++ compiler, where a caller runs the threads in loops (host.h). */
#ifndef FP_KERNELS_DEVICE_H
#define FP_KERNELS_DEVICE_H

#include "params.h"

#if defined(__CUDA__)

#define FP_KERNEL extern "C" __attribute__((global)) void
#define FP_FUNC static __attribute__((device)) inline __attribute__((always_inline))
#define FP_UNROLL _Pragma("unroll")

#if defined(__CUDA_ARCH__)
FP_FUNC int32_t fp_thread_x() {
    return (int32_t)(__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x());
}
FP_FUNC int32_t fp_thread_y() {
    return (int32_t)(__nvvm_read_ptx_sreg_ctaid_y() * __nvvm_read_ptx_sreg_ntid_y() + __nvvm_read_ptx_sreg_tid_y());
}
FP_FUNC void fp_atomic_add(uint64_t *to, uint64_t value) {
    __nvvm_atom_add_gen_ll((long long *)to, (long long)value);
}
#endif

#else

#define FP_KERNEL static inline void
#define FP_FUNC static inline __attribute__((always_inline))
#define FP_UNROLL

/* The thread that is running; set by the caller's loops. */
struct fp_thread_index {
    int32_t x, y;
};
static thread_local fp_thread_index fp_thread;

FP_FUNC int32_t fp_thread_x() { return fp_thread.x; }
FP_FUNC int32_t fp_thread_y() { return fp_thread.y; }
FP_FUNC void fp_atomic_add(uint64_t *to, uint64_t value) { __atomic_fetch_add(to, value, __ATOMIC_RELAXED); }

#endif

#endif
