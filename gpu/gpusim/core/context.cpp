// Primary contexts and the stack of current contexts that every thread has.
#include "core.h"

namespace sim {

namespace {

// A thread that ends with a context on its stack forgot to pop it.
struct Stack {
    std::vector<Context *> contexts;
    ~Stack() {
        if (!contexts.empty()) {
            violation("a thread ended with %zu contexts on its stack", contexts.size());
        }
    }
};

thread_local Stack stack;

constexpr int64_t mib = 1 << 20;

int64_t context_bytes() { return number("CONTEXT_MEMORY", 256 * mib); }

// The context of a handle: only primary contexts exist.
Context *context_of(CUcontext handle) {
    for (auto &d : devices()) {
        if (d->primary && d->primary->id == id_of(handle)) {
            return d->primary.get();
        }
    }
    return nullptr;
}

Device *device_of(CUdevice device) {
    auto &all = devices();
    return device >= 0 && static_cast<size_t>(device) < all.size() ? all[static_cast<size_t>(device)].get() : nullptr;
}

} // namespace

Context *current() { return stack.contexts.empty() ? nullptr : stack.contexts.back(); }

void poison(Context *context, int error) {
    if (!context->sticky) {
        context->sticky = error;
    }
}

FP_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    Call call("cuDevicePrimaryCtxRetain", Call::initialized);
    Device *d = device_of(device);
    if (call.failed() || !d) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    // EXCLUSIVE_PROCESS is one process's, PROHIBITED nobody's.
    int64_t mode = number("COMPUTE_MODE", 0);
    if (mode == 2 || (mode == 3 && number("BUSY", 0) != 0)) {
        return FP_CUDA_ERROR_DEVICE_UNAVAILABLE;
    }
    if (!d->primary) {
        if (!reserve(d, context_bytes())) {
            return FP_CUDA_ERROR_OUT_OF_MEMORY;
        }
        d->primary = std::make_shared<Context>(d);
        add(d->primary);
    }
    d->retained++;
    *context = handle_of<CUcontext>(d->primary->id);
    return ok;
}

FP_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    Call call("cuDevicePrimaryCtxRelease", Call::initialized);
    Device *d = device_of(device);
    if (call.failed() || !d) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    if (d->retained == 0) {
        violation("cuDevicePrimaryCtxRelease: device %d is released more often than retained", device);
        return FP_CUDA_ERROR_INVALID_CONTEXT;
    }
    if (--d->retained == 0) {
        wait_context(call.lock, d->primary.get());
        remove(d->primary->id);
        release(d, context_bytes());
        // Kept for the objects that still point to it: they are reported as leaks.
        static auto *graveyard = new std::vector<std::shared_ptr<Context>>;
        graveyard->push_back(std::move(d->primary));
        d->primary.reset();
    }
    return ok;
}

FP_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned int flags) {
    Call call("cuDevicePrimaryCtxSetFlags", Call::initialized);
    Device *d = device_of(device);
    if (call.failed() || !d) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    d->flags = flags;
    return ok;
}

FP_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *flags, int *active) {
    Call call("cuDevicePrimaryCtxGetState", Call::initialized);
    Device *d = device_of(device);
    if (call.failed() || !d) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    *flags = d->flags;
    *active = d->primary != nullptr;
    return ok;
}

FP_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext context) {
    Call call("cuCtxPushCurrent", Call::initialized);
    if (call.failed()) {
        return call.result;
    }
    Context *c = context_of(context);
    if (!c) {
        violation("cuCtxPushCurrent: %p is no living context", static_cast<void *>(context));
        return FP_CUDA_ERROR_INVALID_CONTEXT;
    }
    stack.contexts.push_back(c);
    count_live(Kind::push, 1);
    return ok;
}

FP_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *context) {
    Call call("cuCtxPopCurrent", Call::initialized);
    if (call.failed()) {
        return call.result;
    }
    if (stack.contexts.empty()) {
        violation("cuCtxPopCurrent: no context is current on this thread");
        return FP_CUDA_ERROR_INVALID_CONTEXT;
    }
    if (context) {
        *context = handle_of<CUcontext>(stack.contexts.back()->id);
    }
    stack.contexts.pop_back();
    count_live(Kind::push, -1);
    return ok;
}

FP_EXPORT CUresult cuCtxGetCurrent(CUcontext *context) {
    Call call("cuCtxGetCurrent", Call::initialized);
    if (!call.failed()) {
        *context = call.ctx ? handle_of<CUcontext>(call.ctx->id) : nullptr;
    }
    return call.result;
}

FP_EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
    Call call("cuCtxSetCurrent", Call::initialized);
    if (call.failed()) {
        return call.result;
    }
    Context *c = context ? context_of(context) : nullptr;
    if (context && !c) {
        violation("cuCtxSetCurrent: %p is no living context", static_cast<void *>(context));
        return FP_CUDA_ERROR_INVALID_CONTEXT;
    }
    if (!stack.contexts.empty()) {
        stack.contexts.pop_back();
        count_live(Kind::push, -1);
    }
    if (c) {
        stack.contexts.push_back(c);
        count_live(Kind::push, 1);
    }
    return ok;
}

FP_EXPORT CUresult cuCtxSynchronize(void) {
    Call call("cuCtxSynchronize");
    if (call.failed()) {
        return call.result;
    }
    wait_context(call.lock, call.ctx);
    return code(call.ctx->sticky);
}

// How many contexts this thread has on its stack.
FP_EXPORT int64_t fp_gpusim_depth(void) { return static_cast<int64_t>(stack.contexts.size()); }

} // namespace sim
