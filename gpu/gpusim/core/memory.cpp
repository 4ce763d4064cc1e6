// Device memory as pages of this process with a guard page behind every block, and
// page-locked host memory.
//
// An address is a real one, so that kernels compiled as CPU code can follow it. Freed
// blocks are overwritten and stay readable for a while, so that late work shows as
// wrong pixels; the driver's checks report it as well.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sanitizer/asan_interface.h> // empty macros unless built with ASan
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"

namespace sim {

namespace {

constexpr int64_t mib = 1 << 20, large = 2 * mib;
constexpr int64_t fill_limit = 16 * mib, quarantine_limit = 64 * mib;

int64_t round_up(int64_t v, int64_t to) { return (v + to - 1) / to * to; }

// What an allocation takes from the device: big ones have blocks of their own.
int64_t booked(int64_t bytes) { return bytes >= large ? round_up(bytes, large) : round_up(bytes, 512); }

struct Quarantined {
    uint64_t base;
    int64_t bytes;
};

struct Memory {
    std::map<uint64_t, Block> blocks;  // by base
    std::map<uint64_t, size_t> pinned; // by address
    std::deque<Quarantined> quarantine;
    int64_t quarantined = 0;
};

Memory &memory() {
    static auto *m = new Memory;
    return *m;
}

// The rest of an allocation's last page is nobody's; only ASan can tell.
void forbid_tail([[maybe_unused]] void *at, [[maybe_unused]] int64_t bytes, [[maybe_unused]] int64_t mapped) {
    ASAN_POISON_MEMORY_REGION(static_cast<char *>(at) + bytes, static_cast<size_t>(mapped - bytes));
}

// The address may come back for something else, so ASan has to forget the tail.
void unmap(void *at, int64_t mapped) {
    ASAN_UNPOISON_MEMORY_REGION(at, static_cast<size_t>(mapped));
    ::munmap(at, static_cast<size_t>(mapped));
}

int64_t page() {
    static const int64_t size = ::sysconf(_SC_PAGESIZE);
    return size;
}

} // namespace

bool reserve(Device *device, int64_t bytes) {
    int64_t size = booked(bytes);
    int64_t &used = size >= large ? device->used_large : device->used_small;
    used += size;
    if (device->used() > device->total) {
        used -= size;
        return false;
    }
    return true;
}

void release(Device *device, int64_t bytes) {
    int64_t size = booked(bytes);
    (size >= large ? device->used_large : device->used_small) -= size;
}

uint64_t allocate(Context *context, int64_t bytes, bool internal) {
    if (!reserve(context->device, bytes)) {
        return 0;
    }
    int64_t mapped = round_up(bytes, page());
    void *at = ::mmap(nullptr, static_cast<size_t>(mapped + page()), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED || ::mprotect(at, static_cast<size_t>(mapped), PROT_READ | PROT_WRITE) != 0) {
        if (at != MAP_FAILED) {
            ::munmap(at, static_cast<size_t>(mapped + page()));
        }
        release(context->device, bytes);
        return 0;
    }
    forbid_tail(at, bytes, mapped);
    Block b;
    b.base = reinterpret_cast<uint64_t>(at);
    b.size = bytes;
    b.reserved = mapped;
    b.context = context;
    b.internal = internal;
    // Whole pictures are left to the kernel's zero pages: a thousand rings would
    // otherwise be written, and held, before anybody uses them.
    if (bytes < large) {
        std::memset(at, fresh_byte, static_cast<size_t>(bytes));
    }
    memory().blocks[b.base] = b;
    if (!internal) {
        count_live(Kind::memory, 1);
    }
    return b.base;
}

void free_block(uint64_t base) {
    Memory &m = memory();
    auto it = m.blocks.find(base);
    if (it == m.blocks.end()) {
        return;
    }
    Block b = it->second;
    m.blocks.erase(it);
    if (b.imported) {
        unmap(reinterpret_cast<void *>(b.base), b.reserved);
        return;
    }
    if (b.fd >= 0) {
        ::close(b.fd);
        // What was written last stays with the processes that have it open; this one has other pages from now on.
        if (::mmap(reinterpret_cast<void *>(b.base), static_cast<size_t>(b.reserved), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
            std::abort();
        }
    }
    release(b.context->device, b.size);
    if (!b.internal) {
        count_live(Kind::memory, -1);
    }
    std::memset(reinterpret_cast<void *>(b.base), freed_byte, static_cast<size_t>(std::min(b.size, fill_limit)));
    m.quarantine.push_back({b.base, b.reserved + page()});
    m.quarantined += b.reserved;
    while (m.quarantined > quarantine_limit) {
        Quarantined q = m.quarantine.front();
        m.quarantine.pop_front();
        m.quarantined -= q.bytes - page();
        unmap(reinterpret_cast<void *>(q.base), q.bytes);
    }
}

Block *block_of(uint64_t address) {
    auto &blocks = memory().blocks;
    auto it = blocks.upper_bound(address);
    if (it == blocks.begin()) {
        return nullptr;
    }
    Block *b = &std::prev(it)->second;
    return address < b->base + static_cast<uint64_t>(b->size) ? b : nullptr;
}

bool in_device_memory(Context *context, uint64_t address, int64_t bytes, bool at_launch) {
    Block *b = block_of(address);
    if (!b || bytes < 0 || b->context != context || (at_launch && !b->readable)) {
        return false;
    }
    return address + static_cast<uint64_t>(bytes) <= b->base + static_cast<uint64_t>(b->size);
}

bool in_pinned_memory(const void *host, size_t bytes) {
    auto &pinned = memory().pinned;
    uint64_t at = reinterpret_cast<uint64_t>(host);
    auto it = pinned.upper_bound(at);
    if (it == pinned.begin()) {
        return false;
    }
    --it;
    return at + bytes <= it->first + it->second;
}

bool still_valid(Context *context, uint64_t address, int64_t bytes, const char *call) {
    if (in_device_memory(context, address, bytes, false)) {
        return true;
    }
    violation("%s: %#llx was freed before the work on it was done", call, static_cast<unsigned long long>(address));
    poison(context, 700);
    return false;
}

FP_EXPORT CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes) {
    Call call("cuMemGetInfo");
    if (!call.failed()) {
        Device *d = call.ctx->device;
        *free_bytes = static_cast<size_t>(d->total - d->used());
        *total_bytes = static_cast<size_t>(d->total);
    }
    return call.result;
}

FP_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
    Call call("cuMemAlloc");
    if (call.failed()) {
        return call.result;
    }
    if (bytes == 0) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    // So that no arithmetic below can overflow; no device is as large.
    uint64_t base = bytes > (size_t{1} << 48) ? 0 : allocate(call.ctx, static_cast<int64_t>(bytes), false);
    if (base == 0) {
        return FP_CUDA_ERROR_OUT_OF_MEMORY;
    }
    *address = base;
    return ok;
}

FP_EXPORT CUresult cuMemFree_v2(CUdeviceptr address) {
    Call call("cuMemFree");
    if (call.failed()) {
        return call.result;
    }
    if (address == 0) {
        return ok;
    }
    Block *b = block_of(address);
    if (!b || b->base != address || b->internal || b->imported) {
        violation("cuMemFree: %#llx is no living allocation", static_cast<unsigned long long>(address));
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    if (b->context != call.ctx) {
        violation("cuMemFree: the memory belongs to a context that is not current");
        return FP_CUDA_ERROR_INVALID_CONTEXT;
    }
    wait_context(call.lock, call.ctx); // the driver synchronises as well
    free_block(address);
    return ok;
}

FP_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes, CUdeviceptr address) {
    Call call("cuMemGetAddressRange");
    if (call.failed()) {
        return call.result;
    }
    Block *b = block_of(address);
    if (!b) {
        return FP_CUDA_ERROR_NOT_FOUND;
    }
    if (base) {
        *base = b->base;
    }
    if (bytes) {
        *bytes = static_cast<size_t>(b->size);
    }
    return ok;
}

FP_EXPORT CUresult cuMemHostAlloc(void **host, size_t bytes, unsigned int) {
    Call call("cuMemHostAlloc");
    if (call.failed()) {
        return call.result;
    }
    if (bytes == 0) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    void *at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return FP_CUDA_ERROR_OUT_OF_MEMORY;
    }
    forbid_tail(at, static_cast<int64_t>(bytes), round_up(static_cast<int64_t>(bytes), page()));
    memory().pinned[reinterpret_cast<uint64_t>(at)] = bytes;
    count_live(Kind::pinned, 1);
    *host = at;
    return ok;
}

FP_EXPORT CUresult cuMemFreeHost(void *host) {
    Call call("cuMemFreeHost");
    if (call.failed()) {
        return call.result;
    }
    auto it = memory().pinned.find(reinterpret_cast<uint64_t>(host));
    if (it == memory().pinned.end()) {
        violation("cuMemFreeHost: %p is no living page-locked memory", host);
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    wait_context(call.lock, call.ctx);
    unmap(host, round_up(static_cast<int64_t>(it->second), page()));
    memory().pinned.erase(it);
    count_live(Kind::pinned, -1);
    return ok;
}

// ---- Memory of other processes ------------------------------------------------------

namespace {

// What the 64 bytes of a handle hold.
struct Ticket {
    char magic[8];
    int64_t pid, fd, size;
    uint64_t base;
    uint64_t device, inode; // of the file: fd may be another one by now
};
static_assert(sizeof(Ticket) <= sizeof(fp_ipc_mem_handle));

const char magic[8] = {'f', 'p', 'g', 'p', 'u', 'i', 'p', 'c'};

// Puts an anonymous file behind a block, so that another process can map it.
bool share(Block *b) {
    int fd = ::memfd_create("gpusim", MFD_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t bytes = static_cast<size_t>(b->reserved);
    void *at = reinterpret_cast<void *>(b->base);
    void *copy = MAP_FAILED;
    if (::ftruncate(fd, b->reserved) == 0) {
        copy = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (copy == MAP_FAILED) {
        ::close(fd);
        return false;
    }
    std::memcpy(copy, at, static_cast<size_t>(b->size));
    ::munmap(copy, bytes);
    if (::mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        ::close(fd);
        return false;
    }
    struct stat info;
    if (::fstat(fd, &info) != 0) {
        std::abort();
    }
    b->fd = fd;
    b->file_device = info.st_dev;
    b->file_inode = info.st_ino;
    return true;
}

} // namespace

FP_EXPORT CUresult cuIpcGetMemHandle(fp_ipc_mem_handle *handle, CUdeviceptr address) {
    Call call("cuIpcGetMemHandle");
    if (call.failed()) {
        return call.result;
    }
    Block *b = block_of(address);
    if (!b || b->internal || b->imported || b->context != call.ctx) {
        violation("cuIpcGetMemHandle: %#llx is no memory that can be exported", static_cast<unsigned long long>(address));
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    wait_context(call.lock, call.ctx);
    if (b->fd < 0 && !share(b)) {
        return FP_CUDA_ERROR_OUT_OF_MEMORY;
    }
    Ticket t = {};
    std::memcpy(t.magic, magic, sizeof magic);
    t.pid = ::getpid();
    t.fd = b->fd;
    t.size = b->size;
    t.base = b->base;
    t.device = b->file_device;
    t.inode = b->file_inode;
    std::memset(handle, 0, sizeof *handle);
    std::memcpy(handle, &t, sizeof t);
    return ok;
}

FP_EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *address, fp_ipc_mem_handle handle, unsigned int flags) {
    Call call("cuIpcOpenMemHandle");
    if (call.failed()) {
        return call.result;
    }
    Ticket t;
    std::memcpy(&t, &handle, sizeof t);
    if (std::memcmp(t.magic, magic, sizeof magic) != 0 || flags != FP_CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    if (t.pid == ::getpid()) {
        return FP_CUDA_ERROR_INVALID_CONTEXT; // not in the exporting process
    }
    for (auto &[base, b] : memory().blocks) {
        if (b.imported && b.context == call.ctx && b.file_device == t.device && b.file_inode == t.inode && b.exporter == t.pid) {
            b.opened++; // the same address again, to be closed as often
            *address = base;
            return ok;
        }
    }
    std::string path = "/proc/" + std::to_string(t.pid) + "/fd/" + std::to_string(t.fd);
    FILE *file = std::fopen(path.c_str(), "r+e");
    if (!file) {
        return FP_CUDA_ERROR_INVALID_VALUE; // the exporter is gone or in another namespace, or has freed it
    }
    struct stat info;
    if (::fstat(::fileno(file), &info) != 0 || info.st_dev != t.device || info.st_ino != t.inode) {
        std::fclose(file);
        return FP_CUDA_ERROR_INVALID_VALUE; // freed, and the number belongs to another file
    }
    int64_t bytes = round_up(t.size, page());
    void *at = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, ::fileno(file), 0);
    std::fclose(file);
    if (at == MAP_FAILED) {
        return FP_CUDA_ERROR_MAP_FAILED;
    }
    Block b;
    b.base = reinterpret_cast<uint64_t>(at);
    b.size = t.size;
    b.reserved = bytes;
    b.context = call.ctx;
    b.imported = true;
    b.opened = 1;
    b.exporter = t.pid;
    b.file_device = t.device;
    b.file_inode = t.inode;
    memory().blocks[b.base] = b;
    count_live(Kind::import, 1);
    *address = b.base;
    return ok;
}

FP_EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr address) {
    Call call("cuIpcCloseMemHandle");
    if (call.failed()) {
        return call.result;
    }
    Block *b = block_of(address);
    if (!b || b->base != address || !b->imported || b->context != call.ctx) {
        violation("cuIpcCloseMemHandle: %#llx is no imported memory", static_cast<unsigned long long>(address));
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    if (--b->opened > 0) {
        return ok;
    }
    wait_context(call.lock, call.ctx);
    free_block(address);
    count_live(Kind::import, -1);
    return ok;
}

} // namespace sim
