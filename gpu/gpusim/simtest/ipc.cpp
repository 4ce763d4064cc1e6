// Memory that a second process opens.
#include <sys/wait.h>
#include <unistd.h>

#include "simtest.h"

void ipc() {
    int fds[2], back[2];
    TRUE(::pipe(fds) == 0 && ::pipe(back) == 0);
    pid_t child = ::fork();
    TRUE(child >= 0);
    fp_ipc_mem_handle handle;
    char byte = 0;
    // So that each sees the other's end instead of waiting for ever.
    ::close(child == 0 ? fds[1] : fds[0]);
    ::close(child == 0 ? back[0] : back[1]);
    if (child == 0) { // before cuInit: a fork after it would break the driver
        TRUE(::read(fds[0], &handle, sizeof handle) == sizeof handle);
        {
            Current c;
            CUdeviceptr p = 0;
            OK(cuIpcOpenMemHandle_v2(&p, handle, FP_CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
            CUstream s = nullptr;
            OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
            unsigned char host[16] = {};
            OK(cuMemcpyDtoHAsync_v2(host, p + 100, 16, s));
            TRUE(host[0] == 42);
            OK(cuMemsetD8Async(p, 43, 16, s));
            OK(cuStreamSynchronize(s));
            TRUE(fp_gpusim_live("import") == 1);
            BREAKS(1, cuMemFree_v2(p));
            CUdeviceptr again = 0; // the same address, closed as often
            OK(cuIpcOpenMemHandle_v2(&again, handle, FP_CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
            TRUE(again == p && fp_gpusim_live("import") == 1);
            OK(cuIpcCloseMemHandle(p));
            TRUE(fp_gpusim_live("import") == 1);
            TRUE(::write(back[1], &byte, 1) == 1); // the other process frees it
            TRUE(::read(fds[0], &byte, 1) == 1);
            TRUE(*reinterpret_cast<unsigned char *>(p) == 44); // what was written last is still there
            OK(cuIpcCloseMemHandle(p));
            BREAKS(1, cuIpcCloseMemHandle(p));
            WANT(1, cuIpcOpenMemHandle_v2(&again, handle, FP_CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS)); // it was freed
            OK(cuStreamDestroy_v2(s));
        }
        TRUE(::write(back[1], &byte, 1) == 1);
        std::exit(0);
    }
    Current c;
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, 2 << 20));
    CUstream s = nullptr;
    OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
    OK(cuMemsetD8Async(p, 42, 4096, s));
    OK(cuIpcGetMemHandle(&handle, p));
    CUdeviceptr q = 0;
    WANT(201, cuIpcOpenMemHandle_v2(&q, handle, FP_CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS)); // not in the exporter
    TRUE(::write(fds[1], &handle, sizeof handle) == sizeof handle);
    TRUE(::read(back[0], &byte, 1) == 1);
    TRUE(*reinterpret_cast<unsigned char *>(p) == 43);
    OK(cuMemsetD32Async(p, 0x2c2c2c2c, 4, s));
    BREAKS(1, cuMemsetD32Async(p + 2, 0, 1, s));
    BREAKS(1, cuMemsetD32Async(p + (2 << 20) - 4, 0, 2, s));
    OK(cuStreamSynchronize(s));
    OK(cuMemFree_v2(p));
    TRUE(*reinterpret_cast<unsigned char *>(p) == 0xDB);
    // Other memory takes the number that the freed one had.
    OK(cuMemAlloc_v2(&q, 2 << 20));
    fp_ipc_mem_handle other;
    OK(cuIpcGetMemHandle(&other, q));
    TRUE(::write(fds[1], &byte, 1) == 1);
    TRUE(::read(back[0], &byte, 1) == 1);
    int status = 1;
    ::waitpid(child, &status, 0);
    TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    OK(cuStreamDestroy_v2(s));
    OK(cuMemFree_v2(q));
}
