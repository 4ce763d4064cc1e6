// Copies and fills on streams.
#include <cstring>

#include "core.h"

namespace sim {

namespace {

// One side of a copy: rows at a pitch, on the device or the host.
struct Side {
    uint64_t at = 0;
    size_t pitch = 0;
    bool device = false;
    bool pinned = false;
};

int64_t span(size_t pitch, size_t width, size_t height) { return static_cast<int64_t>((height - 1) * pitch + width); }

// A copy of width x height bytes. Pageable host memory makes it synchronous, as the
// real one is in the direction that matters.
CUresult copy(Call &call, CUstream handle, Side to, Side from, size_t width, size_t height) {
    if (width == 0 || height == 0) {
        return ok;
    }
    auto stream = stream_of(handle, call.name);
    if (!stream) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    if (to.pitch < width || from.pitch < width) {
        violation("%s: a pitch of %zu is less than the width of %zu bytes", call.name, std::min(to.pitch, from.pitch), width);
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    Context *ctx = call.ctx;
    const char *name = call.name;
    for (const Side *s : {&to, &from}) {
        if (s->device && !in_device_memory(ctx, s->at, span(s->pitch, width, height), true)) {
            violation("%s: %lld bytes at %#llx are not within a living allocation of this context", name,
                      static_cast<long long>(span(s->pitch, width, height)), static_cast<unsigned long long>(s->at));
            return FP_CUDA_ERROR_INVALID_VALUE;
        }
    }
    bool staged = (!to.device && !to.pinned) || (!from.device && !from.pinned);
    Op op;
    op.slow = true;
    op.run = [=] {
        {
            Lock lock(mutex());
            if (ctx->sticky || (to.device && !still_valid(ctx, to.at, span(to.pitch, width, height), name)) ||
                (from.device && !still_valid(ctx, from.at, span(from.pitch, width, height), name))) {
                return;
            }
        }
        auto *out = reinterpret_cast<uint8_t *>(to.at);
        auto *in = reinterpret_cast<const uint8_t *>(from.at);
        for (size_t y = 0; y < height; y++) {
            std::memmove(out + y * to.pitch, in + y * from.pitch, width);
        }
    };
    submit(stream, std::move(op));
    if (staged) {
        wait_stream(call.lock, stream);
    }
    return ok;
}

Side device_side(CUdeviceptr at, size_t pitch) { return {at, pitch, true, false}; }

Side host_side(const void *at, size_t pitch, size_t bytes) {
    return {reinterpret_cast<uint64_t>(at), pitch, false, in_pinned_memory(at, bytes)};
}

} // namespace

FP_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *c, CUstream stream) {
    Call call("cuMemcpy2DAsync");
    if (call.failed() || c->WidthInBytes == 0 || c->Height == 0) {
        return call.result;
    }
    Side to, from;
    size_t rows = c->Height - 1;
    switch (c->srcMemoryType) {
    case CU_MEMORYTYPE_DEVICE:
        from = device_side(c->srcDevice + c->srcY * c->srcPitch + c->srcXInBytes, c->srcPitch);
        break;
    case CU_MEMORYTYPE_HOST:
        from = host_side(static_cast<const char *>(c->srcHost) + c->srcY * c->srcPitch + c->srcXInBytes, c->srcPitch,
                         rows * c->srcPitch + c->WidthInBytes);
        break;
    default:
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    switch (c->dstMemoryType) {
    case CU_MEMORYTYPE_DEVICE:
        to = device_side(c->dstDevice + c->dstY * c->dstPitch + c->dstXInBytes, c->dstPitch);
        break;
    case CU_MEMORYTYPE_HOST:
        to = host_side(static_cast<char *>(c->dstHost) + c->dstY * c->dstPitch + c->dstXInBytes, c->dstPitch,
                       rows * c->dstPitch + c->WidthInBytes);
        break;
    default:
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    if (c->srcXInBytes + c->WidthInBytes > c->srcPitch || c->dstXInBytes + c->WidthInBytes > c->dstPitch) {
        violation("cuMemcpy2DAsync: x and width go beyond the pitch");
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    return copy(call, stream, to, from, c->WidthInBytes, c->Height);
}

FP_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    Call call("cuMemcpyDtoDAsync");
    return call.failed() ? call.result : copy(call, stream, device_side(to, bytes), device_side(from, bytes), bytes, 1);
}

FP_EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    Call call("cuMemcpyDtoHAsync");
    return call.failed() ? call.result : copy(call, stream, host_side(to, bytes, bytes), device_side(from, bytes), bytes, 1);
}

FP_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    Call call("cuMemcpyHtoDAsync");
    return call.failed() ? call.result : copy(call, stream, device_side(to, bytes), host_side(from, bytes, bytes), bytes, 1);
}

namespace {

CUresult fill(Call &call, CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height, CUstream handle) {
    if (width == 0 || height == 0) {
        return ok;
    }
    auto stream = stream_of(handle, call.name);
    if (!stream) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    int64_t bytes = span(pitch, width, height);
    if ((height > 1 && pitch < width) || !in_device_memory(call.ctx, to, bytes, true)) {
        violation("%s: %lld bytes at %#llx are not within a living allocation of this context", call.name,
                  static_cast<long long>(bytes), static_cast<unsigned long long>(to));
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    Context *ctx = call.ctx;
    const char *name = call.name;
    Op op;
    op.slow = true;
    op.run = [=] {
        {
            Lock lock(mutex());
            if (ctx->sticky || !still_valid(ctx, to, bytes, name)) {
                return;
            }
        }
        for (size_t y = 0; y < height; y++) {
            std::memset(reinterpret_cast<uint8_t *>(to) + y * pitch, value, width);
        }
    };
    submit(stream, std::move(op));
    return ok;
}

} // namespace

// Words are written whole, as the hardware does it: another process may read them meanwhile.
FP_EXPORT CUresult cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t words, CUstream handle) {
    Call call("cuMemsetD32Async");
    if (call.failed() || words == 0) {
        return call.result;
    }
    auto stream = stream_of(handle, call.name);
    if (!stream) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    int64_t bytes = words > (size_t{1} << 48) ? -1 : static_cast<int64_t>(4 * words);
    if (to % 4 != 0 || !in_device_memory(call.ctx, to, bytes, true)) {
        violation("cuMemsetD32Async: %zu words at %#llx are not aligned, or not within a living allocation of this context", words,
                  static_cast<unsigned long long>(to));
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    Context *ctx = call.ctx;
    Op op;
    op.slow = true;
    op.run = [=] {
        {
            Lock lock(mutex());
            if (ctx->sticky || !still_valid(ctx, to, bytes, "cuMemsetD32Async")) {
                return;
            }
        }
        for (size_t i = 0; i < words; i++) {
            __atomic_store_n(reinterpret_cast<uint32_t *>(to) + i, value, __ATOMIC_RELAXED);
        }
    };
    submit(stream, std::move(op));
    return ok;
}

FP_EXPORT CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
    Call call("cuMemsetD8Async");
    return call.failed() ? call.result : fill(call, to, bytes, value, bytes, 1, stream);
}

FP_EXPORT CUresult cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height, CUstream stream) {
    Call call("cuMemsetD2D8Async");
    return call.failed() ? call.result : fill(call, to, pitch, value, width, height, stream);
}

} // namespace sim
