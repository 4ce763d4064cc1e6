// Every rule of the driver core, broken once, and what must be possible beside it.
#include <atomic>
#include <cstring>
#include <sanitizer/asan_interface.h>
#include <string>
#include <thread>

#include "params.h"
#include "simtest.h"

namespace {

const char ptx[] = ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry fp_hash64(\n.visible .entry fp_copy_nv12(\n";

CUdeviceptr alloc(size_t bytes) {
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, bytes));
    return p;
}

CUstream stream() {
    CUstream s = nullptr;
    OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
    return s;
}

void nothing_wrong() {
    Current c;
    CUdeviceptr p = alloc(1000);
    CUstream s = stream();
    void *host = nullptr;
    OK(cuMemHostAlloc(&host, 1000, 0));
    OK(cuMemsetD8Async(p, 7, 1000, s));
    OK(cuMemcpyDtoHAsync_v2(host, p, 1000, s));
    OK(cuStreamSynchronize(s));
    TRUE(static_cast<char *>(host)[999] == 7);
    OK(cuMemFreeHost(host));
    OK(cuStreamDestroy_v2(s));
    OK(cuMemFree_v2(p));
}

void no_context() {
    OK(cuInit(0));
    CUdeviceptr p = 0;
    BREAKS(201, cuMemAlloc_v2(&p, 10));
}

void not_initialized() {
    CUcontext c = nullptr;
    WANT(3, cuDevicePrimaryCtxRetain(&c, 0));
}

void pop_too_often() {
    OK(cuInit(0));
    BREAKS(201, cuCtxPopCurrent_v2(nullptr));
}

void release_too_often() {
    OK(cuInit(0));
    BREAKS(201, cuDevicePrimaryCtxRelease_v2(0));
}

void push_without_pop() {
    Current c;
    std::thread([&] { cuCtxPushCurrent_v2(c.handle); }).join();
    TRUE(fp_gpusim_violations() == 1);
}

void use_after_destroy() {
    Current c;
    CUstream s = stream();
    OK(cuStreamDestroy_v2(s));
    BREAKS(400, cuStreamSynchronize(s));
    BREAKS(400, cuStreamDestroy_v2(s));
}

void wrong_handle() {
    Current c;
    CUevent e = nullptr;
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    BREAKS(400, cuStreamSynchronize(reinterpret_cast<CUstream>(e)));
    int local = 0;
    BREAKS(400, cuStreamSynchronize(reinterpret_cast<CUstream>(&local)));
    OK(cuEventDestroy_v2(e));
}

void cross_context() {
    Current a(0);
    CUdeviceptr p = alloc(4096);
    CUstream s = stream();
    {
        Current b(1);
        CUstream t = stream();
        BREAKS(400, cuStreamSynchronize(s));
        BREAKS(1, cuMemsetD8Async(p, 0, 16, t));
        BREAKS(201, cuMemFree_v2(p));
        fp_ipc_mem_handle handle;
        BREAKS(1, cuIpcGetMemHandle(&handle, p));
        OK(cuStreamDestroy_v2(t));
    }
    OK(cuStreamDestroy_v2(s));
    OK(cuMemFree_v2(p));
}

void null_stream() {
    Current c;
    CUdeviceptr p = alloc(16);
    BREAKS(400, cuMemsetD8Async(p, 0, 16, nullptr));
    OK(cuMemFree_v2(p));
}

void null_stream_allowed() {
    Current c;
    CUdeviceptr p = alloc(16);
    unsigned char host[16] = {};
    OK(cuMemsetD8Async(p, 5, 16, nullptr));
    OK(cuMemcpyDtoHAsync_v2(host, p, 16, nullptr));
    TRUE(host[15] == 5);
    OK(cuMemFree_v2(p));
}

void free_twice() {
    Current c;
    CUdeviceptr p = alloc(16);
    OK(cuMemFree_v2(p));
    BREAKS(1, cuMemFree_v2(p));
}

void free_inside() {
    Current c;
    CUdeviceptr p = alloc(4096);
    BREAKS(1, cuMemFree_v2(p + 256));
    OK(cuMemFree_v2(p));
}

void out_of_bounds() {
    Current c;
    CUdeviceptr p = alloc(1000);
    CUstream s = stream();
    BREAKS(1, cuMemsetD8Async(p, 0, 1001, s));
    CUDA_MEMCPY2D copy = {};
    std::vector<char> host(4096);
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = p;
    copy.srcPitch = 100;
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = host.data();
    copy.dstPitch = 100;
    copy.WidthInBytes = 100;
    copy.Height = 11;
    BREAKS(1, cuMemcpy2DAsync_v2(&copy, s));
    copy.Height = 10;
    OK(cuMemcpy2DAsync_v2(&copy, s));
    copy.dstPitch = 99;
    BREAKS(1, cuMemcpy2DAsync_v2(&copy, s));
    OK(cuStreamDestroy_v2(s));
    OK(cuMemFree_v2(p));
}

void fresh_and_freed_are_poisoned() {
    Current c;
    CUdeviceptr p = alloc(4096);
    auto *bytes = reinterpret_cast<volatile unsigned char *>(p);
    TRUE(bytes[0] == 0xCD && bytes[4095] == 0xCD);
#ifdef __SANITIZE_ADDRESS__
    CUdeviceptr odd = alloc(1001); // the rest of its page is forbidden
    auto *last = reinterpret_cast<char *>(odd) + 1000;
    TRUE(!__asan_address_is_poisoned(last) && __asan_address_is_poisoned(last + 1) && __asan_address_is_poisoned(last + 3000));
    OK(cuMemFree_v2(odd));
#endif
    OK(cuMemFree_v2(p));
    TRUE(bytes[0] == 0xDB && bytes[4095] == 0xDB);
}

void memory_has_an_end() {
    Current c;
    size_t free_before = 0, total = 0, free_after = 0;
    OK(cuMemGetInfo_v2(&free_before, &total));
    TRUE(total == size_t{1} << 30 && free_before < total);
    CUdeviceptr p = 0;
    WANT(2, cuMemAlloc_v2(&p, free_before + 1));
    p = alloc(free_before);
    OK(cuMemGetInfo_v2(&free_after, &total));
    TRUE(free_after == 0);
    CUdeviceptr q = 0;
    WANT(2, cuMemAlloc_v2(&q, 1));
    OK(cuMemFree_v2(p));
    OK(cuMemGetInfo_v2(&free_after, &total));
    TRUE(free_after == free_before);
}

// The result of work is not there before somebody waits for it.
void missing_wait_shows() {
    Current c;
    CUdeviceptr p = alloc(4096);
    CUstream s = stream();
    void *host = nullptr;
    OK(cuMemHostAlloc(&host, 4096, 0));
    std::memset(host, 1, 4096);
    fp_gpusim_stall(1);
    OK(cuMemsetD8Async(p, 9, 4096, s));
    OK(cuMemcpyDtoHAsync_v2(host, p, 4096, s));
    WANT(600, cuStreamQuery(s));
    TRUE(static_cast<char *>(host)[0] == 1);
    fp_gpusim_stall(0);
    OK(cuStreamSynchronize(s));
    TRUE(static_cast<char *>(host)[0] == 9);
    OK(cuMemFreeHost(host));
    OK(cuStreamDestroy_v2(s));
    OK(cuMemFree_v2(p));
}

void events_order_streams() {
    Current c;
    CUdeviceptr p = alloc(1 << 20);
    CUstream a = stream(), b = stream();
    CUevent e = nullptr;
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC));
    void *host = nullptr;
    OK(cuMemHostAlloc(&host, 1 << 20, 0));
    for (int i = 0; i < 200; i++) {
        OK(cuMemsetD8Async(p, static_cast<unsigned char>(i), 1 << 20, a));
        OK(cuEventRecord(e, a));
        OK(cuStreamWaitEvent(b, e, 0));
        OK(cuMemcpyDtoHAsync_v2(host, p, 1 << 20, b));
        OK(cuStreamSynchronize(b));
        TRUE(static_cast<unsigned char *>(host)[(1 << 20) - 1] == static_cast<unsigned char>(i));
        OK(cuEventQuery(e));
    }
    OK(cuEventSynchronize(e));
    OK(cuMemFreeHost(host));
    OK(cuEventDestroy_v2(e));
    OK(cuStreamDestroy_v2(a));
    OK(cuStreamDestroy_v2(b));
    OK(cuMemFree_v2(p));
}

// Many streams need few threads.
void threads_stay_few() {
    Current c;
    std::vector<CUstream> streams;
    CUdeviceptr p = alloc(4096);
    for (int i = 0; i < 1000; i++) {
        streams.push_back(stream());
        OK(cuMemsetD8Async(p, 1, 4096, streams.back()));
    }
    OK(cuCtxSynchronize());
    std::FILE *f = std::fopen("/proc/self/status", "r");
    char line[256];
    int threads = 0;
    while (std::fgets(line, sizeof line, f)) {
        std::sscanf(line, "Threads: %d", &threads);
    }
    std::fclose(f);
    TRUE(threads > 0 && threads < 20);
    for (CUstream s : streams) {
        OK(cuStreamDestroy_v2(s));
    }
    OK(cuMemFree_v2(p));
}

struct Kernel {
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    explicit Kernel(const char *name) {
        OK(cuModuleLoadDataEx(&module, ptx, 0, nullptr, nullptr));
        OK(cuModuleGetFunction(&function, module, name));
    }
    ~Kernel() { OK(cuModuleUnload(module)); }
    CUresult launch(void *params, CUstream s, unsigned block_x = 32) const {
        void *list[] = {params};
        return cuLaunchKernel(function, 4, 4, 1, block_x, 8, 1, 0, s, list, nullptr);
    }
};

fp_hash64_params hash_params(CUdeviceptr picture, CUdeviceptr out) {
    fp_hash64_params p = {};
    p.source.luma = picture;
    p.source.luma_pitch = 256;
    p.source.width = 256;
    p.source.height = 64;
    p.source.depth = 8;
    p.out = out;
    return p;
}

void kernel_runs() {
    Current c;
    Kernel k("fp_hash64");
    CUstream s = stream();
    CUdeviceptr picture = alloc(256 * 64), out = alloc(8);
    uint64_t first = 0, second = 0;
    for (uint64_t *hash : {&first, &second}) {
        OK(cuMemsetD8Async(picture, hash == &first ? 1 : 2, 256 * 64, s));
        OK(cuMemsetD8Async(out, 0, 8, s));
        fp_hash64_params p = hash_params(picture, out);
        OK(k.launch(&p, s));
        p = {}; // taken by value at the launch
        OK(cuMemcpyDtoHAsync_v2(hash, out, 8, s));
    }
    TRUE(first != 0 && second != 0 && first != second);
    OK(cuStreamDestroy_v2(s));
    OK(cuMemFree_v2(picture));
    OK(cuMemFree_v2(out));
}

void kernel_out_of_bounds() {
    Current c;
    Kernel k("fp_hash64");
    CUstream s = stream();
    CUdeviceptr picture = alloc(256 * 64), out = alloc(8);
    fp_hash64_params p = hash_params(picture, out);
    p.source.height = 65;
    BREAKS(0, k.launch(&p, s));
    WANT(700, cuStreamSynchronize(s));
    WANT(700, cuMemFree_v2(picture)); // and so is everything from now on
    std::_Exit(0);                    // as a program must that lost its context
}

// A module of one device is not there on the other, nor is its memory.
void kernel_of_another_device() {
    Current a(0);
    Kernel k("fp_hash64");
    CUdeviceptr picture = alloc(256 * 64), out = alloc(8);
    fp_hash64_params p = hash_params(picture, out);
    {
        Current b(1);
        CUstream s = stream();
        BREAKS(400, k.launch(&p, s));
        BREAKS(400, cuModuleUnload(k.module));
        OK(cuStreamDestroy_v2(s));
    }
    {
        Current b(1);
        Kernel here("fp_hash64");
        CUstream s = stream();
        BREAKS(0, here.launch(&p, s));
        WANT(700, cuStreamSynchronize(s));
        OK(cuCtxPopCurrent_v2(nullptr));
        OK(cuCtxSynchronize()); // the first device goes on
        std::_Exit(0);
    }
}

void kernel_misaligned() {
    Current c;
    Kernel k("fp_hash64");
    CUstream s = stream();
    CUdeviceptr picture = alloc(256 * 64), out = alloc(16);
    fp_hash64_params p = hash_params(picture, out + 4);
    BREAKS(0, k.launch(&p, s));
    WANT(716, cuStreamSynchronize(s));
    std::_Exit(0);
}

void kernel_bad_launch() {
    Current c;
    Kernel k("fp_hash64");
    CUstream s = stream();
    CUdeviceptr picture = alloc(256 * 64), out = alloc(8);
    fp_hash64_params p = hash_params(picture, out);
    BREAKS(1, k.launch(&p, s, 1024)); // 1024x8 threads
    OK(cuStreamDestroy_v2(s));
    OK(cuMemFree_v2(picture));
    OK(cuMemFree_v2(out));
}

void module_refusals() {
    Current c;
    CUmodule m = nullptr;
    CUfunction f = nullptr;
    char log[256] = {};
    CUjit_option options[] = {static_cast<CUjit_option>(5), static_cast<CUjit_option>(6)};
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    WANT(218, cuModuleLoadDataEx(&m, "not ptx", 2, options, values));
    TRUE(std::strstr(log, ".version"));
    WANT(222, cuModuleLoadDataEx(&m, ".version 9.9\n.target sm_75\n", 2, options, values));
    TRUE(std::strstr(log, "Unsupported .version 9.9"));
    WANT(209, cuModuleLoadDataEx(&m, ".version 6.3\n.target sm_100\n", 0, nullptr, nullptr));
    OK(cuModuleLoadDataEx(&m, ptx, 0, nullptr, nullptr));
    WANT(500, cuModuleGetFunction(&f, m, "fp_resize_nv12")); // not in this text
    OK(cuModuleGetFunction(&f, m, "fp_hash64"));
    OK(cuModuleUnload(m));
    CUstream s = stream();
    int params = 0;
    void *list[] = {&params};
    BREAKS(400, cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, list, nullptr));
    OK(cuStreamDestroy_v2(s));
}

// FRAMEPORT_GPUSIM_FAIL=cuLaunchKernel:2:700
void injected_sticky() {
    Current c;
    Kernel k("fp_hash64");
    CUstream s = stream();
    CUdeviceptr picture = alloc(256 * 64), out = alloc(8);
    fp_hash64_params p = hash_params(picture, out);
    OK(k.launch(&p, s));
    OK(cuStreamSynchronize(s));
    OK(k.launch(&p, s)); // shows later, as it does on a device
    WANT(700, cuStreamSynchronize(s));
    CUdeviceptr q = 0;
    WANT(700, cuMemAlloc_v2(&q, 16));
    WANT(700, cuCtxSynchronize());
    std::_Exit(0);
}

// FRAMEPORT_GPUSIM_FAIL=cuMemAlloc:2:2,cuMemAlloc:4+:2
void injected_once_and_from() {
    Current c;
    CUdeviceptr p[3] = {};
    OK(cuMemAlloc_v2(&p[0], 16));
    WANT(2, cuMemAlloc_v2(&p[2], 16));
    OK(cuMemAlloc_v2(&p[1], 16));
    WANT(2, cuMemAlloc_v2(&p[2], 16));
    WANT(2, cuMemAlloc_v2(&p[2], 16));
    TRUE(fp_gpusim_calls("cuMemAlloc") == 5);
    fp_gpusim_fail("");
    OK(cuMemAlloc_v2(&p[2], 16));
    for (CUdeviceptr q : p) {
        OK(cuMemFree_v2(q));
    }
}

// FRAMEPORT_GPUSIM_BLOCK=cuMemAlloc:1:50
void injected_block() {
    Current c;
    auto start = std::chrono::steady_clock::now();
    CUdeviceptr p = alloc(16);
    TRUE(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(50));
    OK(cuMemFree_v2(p));
}

// FRAMEPORT_GPUSIM_FAIL=cuLaunchKernel:1:719,cuMemAlloc:4+:2: what comes after a
// sticky error has its code and no other, on that device alone.
void sticky_stays() {
    Current a(0);
    CUstream s = stream();
    CUevent e = nullptr;
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    Kernel k("fp_hash64");
    CUdeviceptr picture = alloc(256 * 64), out = alloc(8), q = 0;
    fp_hash64_params p = hash_params(picture, out);
    OK(k.launch(&p, s));
    WANT(719, cuStreamSynchronize(s));
    for (int i = 0; i < 3; i++) {
        WANT(719, cuMemAlloc_v2(&q, 16));
        WANT(719, cuMemsetD8Async(out, 0, 8, s));
        WANT(719, k.launch(&p, s));
        WANT(719, cuEventRecord(e, s));
        WANT(719, cuEventQuery(e));
        WANT(719, cuStreamQuery(s));
        WANT(719, cuStreamDestroy_v2(s));
        WANT(719, cuCtxSynchronize());
    }
    fp_gpusim_fail("");
    WANT(719, cuMemAlloc_v2(&q, 16));
    {
        Current b(1);
        OK(cuMemFree_v2(alloc(16)));
    }
    WANT(719, cuMemAlloc_v2(&q, 16));
    std::_Exit(0);
}

void init_error() {
    int error = std::atoi(std::getenv("FRAMEPORT_GPUSIM_INIT_ERROR"));
    CUcontext c = nullptr;
    WANT(error, cuInit(0));
    WANT(error, cuInit(0));
    WANT(3, cuDevicePrimaryCtxRetain(&c, 0));
}

// FRAMEPORT_GPUSIM_COMPUTE_MODE=2, or 3 with FRAMEPORT_GPUSIM_BUSY=1
void device_unavailable() {
    OK(cuInit(0));
    CUcontext c = nullptr;
    WANT(46, cuDevicePrimaryCtxRetain(&c, 0));
    TRUE(fp_gpusim_used(0) == 0 && fp_gpusim_live(nullptr) == 0);
}

void no_device() { WANT(100, cuInit(0)); }

void leak() {
    Current c;
    alloc(16);
    stream();
}

void thousand_cycles() {
    Current c;
    CUstream warm = stream();
    OK(cuStreamDestroy_v2(warm));
    int64_t used = fp_gpusim_used(0), live = fp_gpusim_live(nullptr);
    for (int i = 0; i < 1000; i++) {
        CUdeviceptr p = alloc(3 << 20);
        CUstream s = stream();
        CUevent e = nullptr;
        OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
        OK(cuEventRecord(e, s));
        OK(cuEventSynchronize(e));
        OK(cuEventDestroy_v2(e));
        OK(cuStreamDestroy_v2(s));
        OK(cuMemFree_v2(p));
    }
    TRUE(fp_gpusim_used(0) == used && fp_gpusim_live(nullptr) == live);
}

struct Case {
    const char *name;
    void (*run)();
};

const Case cases[] = {
    {"nothing_wrong", nothing_wrong},
    {"no_context", no_context},
    {"not_initialized", not_initialized},
    {"pop_too_often", pop_too_often},
    {"release_too_often", release_too_often},
    {"push_without_pop", push_without_pop},
    {"use_after_destroy", use_after_destroy},
    {"wrong_handle", wrong_handle},
    {"cross_context", cross_context},
    {"null_stream", null_stream},
    {"null_stream_allowed", null_stream_allowed},
    {"free_twice", free_twice},
    {"free_inside", free_inside},
    {"out_of_bounds", out_of_bounds},
    {"fresh_and_freed_are_poisoned", fresh_and_freed_are_poisoned},
    {"memory_has_an_end", memory_has_an_end},
    {"missing_wait_shows", missing_wait_shows},
    {"events_order_streams", events_order_streams},
    {"threads_stay_few", threads_stay_few},
    {"kernel_runs", kernel_runs},
    {"kernel_out_of_bounds", kernel_out_of_bounds},
    {"kernel_of_another_device", kernel_of_another_device},
    {"kernel_misaligned", kernel_misaligned},
    {"kernel_bad_launch", kernel_bad_launch},
    {"module_refusals", module_refusals},
    {"injected_sticky", injected_sticky},
    {"injected_once_and_from", injected_once_and_from},
    {"injected_block", injected_block},
    {"sticky_stays", sticky_stays},
    {"init_error", init_error},
    {"device_unavailable", device_unavailable},
    {"no_device", no_device},
    {"leak", leak},
    {"ipc", ipc},
    {"thousand_cycles", thousand_cycles},
};

} // namespace

bool run_rule(const char *name) {
    for (const Case &c : cases) {
        if (std::strcmp(c.name, name) == 0) {
            c.run();
            return true;
        }
    }
    return false;
}
