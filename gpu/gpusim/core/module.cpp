// Modules from PTX text, and launches of their kernels as CPU code by name.
#include <cstdlib>
#include <cstring>
#include <set>

#include "core.h"
#include "host.h" // gpu/kernels

namespace sim {

namespace {

constexpr int64_t module_bytes = 2 << 20;
constexpr int jit_error_log = 5, jit_error_log_size = 6;

struct Module : Object {
    explicit Module(Context *c) : Object(Kind::module, c) {}
    std::set<std::string> entries;
    std::vector<uint64_t> functions;
};

struct Function : Object {
    Function(Context *c, const fp_host::Kernel *k) : Object(Kind::function, c), kernel(k) {}
    const fp_host::Kernel *const kernel;
};

// The number after a directive, times ten: ".version 6.3" is 63, ".target sm_75" 75.
int directive(const std::string &ptx, const std::string &name, const char *prefix) {
    size_t at = ptx.find("\n" + name + " ");
    if (at == std::string::npos) {
        return -1;
    }
    const char *text = ptx.c_str() + at + 1 + name.size() + 1;
    size_t skip = std::strlen(prefix);
    if (std::strncmp(text, prefix, skip) != 0) {
        return -1;
    }
    char *end = nullptr;
    long whole = std::strtol(text + skip, &end, 10);
    return skip ? static_cast<int>(whole) : static_cast<int>(10 * whole + (*end == '.' ? std::strtol(end + 1, nullptr, 10) : 0));
}

std::set<std::string> entries_of(const std::string &ptx) {
    std::set<std::string> names;
    const std::string mark = ".entry ";
    for (size_t at = ptx.find(mark); at != std::string::npos; at = ptx.find(mark, at)) {
        at += mark.size();
        size_t end = ptx.find_first_of("( \t\n", at);
        names.insert(ptx.substr(at, end - at));
    }
    return names;
}

CUresult check(const std::string &ptx, std::string *log) {
    int version = directive(ptx, ".version", ""), target = directive(ptx, ".target", "sm_");
    int capability = static_cast<int>(number("COMPUTE_CAPABILITY", 90));
    int newest = static_cast<int>(number("PTX_VERSION", 87));
    if (version < 0 || target < 0) {
        *log = "ptxas application ptx input, line 1; fatal   : Missing .version directive at start of file";
        return FP_CUDA_ERROR_INVALID_PTX;
    }
    if (version > newest) {
        *log = "ptxas application ptx input, line 1; fatal   : Unsupported .version " + std::to_string(version / 10) + "." +
               std::to_string(version % 10) + "; current version is '" + std::to_string(newest / 10) + "." + std::to_string(newest % 10) + "'";
        return FP_CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
    }
    if (target > capability) {
        *log = "ptxas fatal   : SM version specified by .target is higher than default SM version assumed";
        return FP_CUDA_ERROR_NO_BINARY_FOR_GPU;
    }
    return ok;
}

void write_log(const std::string &log, unsigned n, const CUjit_option *options, void **values) {
    char *buffer = nullptr;
    size_t size = 0;
    for (unsigned i = 0; i < n; i++) {
        if (static_cast<int>(options[i]) == jit_error_log) {
            buffer = static_cast<char *>(values[i]);
        } else if (static_cast<int>(options[i]) == jit_error_log_size) {
            size = static_cast<size_t>(reinterpret_cast<uintptr_t>(values[i]));
        }
    }
    if (buffer && size > 0) {
        size_t count = std::min(size - 1, log.size());
        std::memcpy(buffer, log.data(), count);
        buffer[count] = 0;
    }
}

// Finds what a real launch would stumble over.
int check_launch(Context *ctx, const fp_host::Kernel *k, const void *params, bool at_launch) {
    fp_host::Range ranges[fp_host::max_ranges];
    int n = k->ranges(params, ranges);
    for (int i = 0; i < n; i++) {
        if (ranges[i].bytes > 0 && !in_device_memory(ctx, ranges[i].base, ranges[i].bytes, at_launch)) {
            violation("%s: range %d, %lld bytes at %#llx, is not within a living allocation of this context", k->name, i,
                      static_cast<long long>(ranges[i].bytes), static_cast<unsigned long long>(ranges[i].base));
            return 700;
        }
    }
    if (std::strcmp(k->name, "fp_hash64") == 0 && ranges[n - 1].base % 8 != 0) {
        violation("%s: the result's address is not a multiple of 8", k->name);
        return 716;
    }
    return 0;
}

} // namespace

FP_EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int n, CUjit_option *options, void **values) {
    Call call("cuModuleLoadDataEx");
    if (call.failed()) {
        return call.result;
    }
    if (!image) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    // Directives are searched at line starts; the first line is one.
    std::string ptx = "\n" + std::string(static_cast<const char *>(image)), log;
    CUresult result = check(ptx, &log);
    if (result != ok) {
        write_log(log, n, options, values);
        return result;
    }
    if (!reserve(call.ctx->device, module_bytes)) {
        return FP_CUDA_ERROR_OUT_OF_MEMORY;
    }
    auto m = std::make_shared<Module>(call.ctx);
    m->entries = entries_of(ptx);
    *module = handle_of<CUmodule>(add(m));
    return ok;
}

FP_EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image) { return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr); }

FP_EXPORT CUresult cuModuleUnload(CUmodule module) {
    Call call("cuModuleUnload");
    if (call.failed()) {
        return call.result;
    }
    auto m = find<Module>(module, Kind::module, call.name);
    if (!m) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    wait_context(call.lock, call.ctx);
    for (uint64_t f : m->functions) {
        remove(f);
    }
    release(call.ctx->device, module_bytes);
    remove(m->id);
    return ok;
}

FP_EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
    Call call("cuModuleGetFunction");
    if (call.failed()) {
        return call.result;
    }
    auto m = find<Module>(module, Kind::module, call.name);
    if (!m) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    const fp_host::Kernel *k = fp_host::find(name);
    if (!k || m->entries.count(name) == 0) {
        return FP_CUDA_ERROR_NOT_FOUND;
    }
    uint64_t id = add(std::make_shared<Function>(call.ctx, k));
    m->functions.push_back(id);
    *function = handle_of<CUfunction>(id);
    return ok;
}

FP_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x,
                                  unsigned int block_y, unsigned int block_z, unsigned int shared_bytes, CUstream handle, void **params,
                                  void **extra) {
    Call call("cuLaunchKernel");
    if (call.failed()) {
        return call.result;
    }
    auto f = find<Function>(function, Kind::function, call.name);
    auto stream = stream_of(handle, call.name);
    if (!f || !stream) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    if (!params || extra || shared_bytes != 0) {
        violation("cuLaunchKernel: only kernelParams are simulated, without extra and shared memory");
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    if (grid_x == 0 || grid_y == 0 || grid_z != 1 || block_x == 0 || block_y == 0 || block_z != 1 || block_x * block_y > 1024 ||
        grid_y > 65535) {
        violation("%s: a grid of %ux%ux%u with blocks of %ux%ux%u cannot be launched", f->kernel->name, grid_x, grid_y, grid_z, block_x,
                  block_y, block_z);
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    const fp_host::Kernel *k = f->kernel;
    auto *bytes = static_cast<const char *>(params[0]);
    std::vector<char> copy(bytes, bytes + k->params_size); // by value, now
    Context *ctx = call.ctx;
    if (int error = check_launch(ctx, k, copy.data(), true)) {
        call.injected = error;
    }
    int injected = call.injected;
    Op op;
    op.slow = true;
    op.run = [=] {
        {
            Lock lock(mutex());
            int error = injected;
            if (!error && !ctx->sticky) {
                error = check_launch(ctx, k, copy.data(), false);
            }
            if (error) {
                poison(ctx, error);
            }
            if (ctx->sticky) {
                return;
            }
        }
        k->run(static_cast<int32_t>(grid_x * block_x), static_cast<int32_t>(grid_y * block_y), copy.data());
    };
    submit(stream, std::move(op));
    return ok;
}

} // namespace sim
