// Initialisation, devices and their properties.
#include <cstdio>
#include <cstring>

#include "core.h"

namespace sim {

namespace {

bool ready; // cuInit has succeeded

constexpr int64_t mib = 1 << 20;

std::vector<std::unique_ptr<Device>> make_devices() {
    std::vector<std::unique_ptr<Device>> list;
    for (int i = 0; i < number("DEVICES", 1); i++) {
        auto d = std::make_unique<Device>();
        d->ordinal = i;
        d->name = setting("NAME", "Frameport simulated GPU");
        d->total = number("MEMORY", int64_t{16} << 30);
        std::memcpy(d->uuid, "frameportgpusim", 15);
        d->uuid[15] = static_cast<unsigned char>('0' + i);
        char text[64];
        int n = std::snprintf(text, sizeof text, "GPU-");
        for (int k = 0; k < 16; k++) {
            bool dash = k == 4 || k == 6 || k == 8 || k == 10;
            n += std::snprintf(text + n, sizeof text - static_cast<size_t>(n), dash ? "-%02x" : "%02x", d->uuid[k]);
        }
        d->uuid_text = text;
        std::snprintf(text, sizeof text, "0000:%02X:00.0", 0x10 + i);
        d->bus_id = text;
        list.push_back(std::move(d));
    }
    return list;
}

Device *device_of(CUdevice device) {
    auto &all = devices();
    return device >= 0 && static_cast<size_t>(device) < all.size() ? all[static_cast<size_t>(device)].get() : nullptr;
}

} // namespace

int64_t Device::used() const { return used_large + (used_small + 2 * mib - 1) / (2 * mib) * (2 * mib); }

std::vector<std::unique_ptr<Device>> &devices() {
    static auto *list = new std::vector<std::unique_ptr<Device>>(make_devices());
    return *list;
}

Call::Call(const char *n, Need need) : name(n), lock(sim::mutex()) {
    int fault = inject(name);
    Context *now = current();
    if (need == context && now && now->sticky) {
        fault = 0; // a lost context has one answer to everything
    }
    if (fault != 0 && is_sticky(fault) && std::strcmp(name, "cuLaunchKernel") == 0) {
        injected = fault; // shows later, like the real one
    } else if (fault != 0) {
        result = code(fault);
        ctx = now;
        if (ctx && is_sticky(fault)) {
            poison(ctx, fault);
        }
        return;
    }
    if (int64_t wait = blocking(name); wait != 0) {
        lock.unlock();
        block_for(wait);
        lock.lock();
    }
    if (need == nothing) {
        return;
    }
    if (!ready) {
        result = FP_CUDA_ERROR_NOT_INITIALIZED;
        return;
    }
    ctx = now;
    if (need != context) {
        return;
    }
    if (!ctx) {
        violation("%s: no context is current on this thread", name);
        result = FP_CUDA_ERROR_INVALID_CONTEXT;
    } else if (ctx->sticky) {
        result = code(ctx->sticky);
    }
}

FP_EXPORT CUresult cuInit(unsigned int flags) {
    Call call("cuInit", Call::nothing);
    if (call.failed()) {
        return call.result;
    }
    if (flags != 0) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    if (int64_t error = number("INIT_ERROR", 0)) {
        return code(static_cast<int>(error));
    }
    if (devices().empty()) {
        return FP_CUDA_ERROR_NO_DEVICE;
    }
    ready = true;
    return ok;
}

FP_EXPORT CUresult cuDriverGetVersion(int *version) {
    Call call("cuDriverGetVersion", Call::nothing);
    if (!call.failed()) {
        *version = static_cast<int>(number("DRIVER_VERSION", 12080));
    }
    return call.result;
}

FP_EXPORT CUresult cuDeviceGetCount(int *count) {
    Call call("cuDeviceGetCount", Call::initialized);
    if (!call.failed()) {
        *count = static_cast<int>(devices().size());
    }
    return call.result;
}

FP_EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    Call call("cuDeviceGet", Call::initialized);
    if (call.failed()) {
        return call.result;
    }
    if (!device_of(ordinal)) {
        return FP_CUDA_ERROR_INVALID_DEVICE;
    }
    *device = ordinal;
    return ok;
}

FP_EXPORT CUresult cuDeviceGetName(char *name, int len, CUdevice device) {
    Call call("cuDeviceGetName", Call::initialized);
    Device *d = device_of(device);
    if (call.failed() || !d) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    std::snprintf(name, static_cast<size_t>(len), "%s", d->name.c_str());
    return ok;
}

FP_EXPORT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
    Call call("cuDeviceGetUuid", Call::initialized);
    Device *d = device_of(device);
    if (call.failed() || !d) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    std::memcpy(uuid->bytes, d->uuid, 16);
    return ok;
}

FP_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) { return cuDeviceGetUuid(uuid, device); }

FP_EXPORT CUresult cuDeviceGetPCIBusId(char *id, int len, CUdevice device) {
    Call call("cuDeviceGetPCIBusId", Call::initialized);
    Device *d = device_of(device);
    if (call.failed() || !d) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    std::snprintf(id, static_cast<size_t>(len), "%s", d->bus_id.c_str());
    return ok;
}

FP_EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    Call call("cuDeviceTotalMem", Call::initialized);
    Device *d = device_of(device);
    if (call.failed() || !d) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    *bytes = static_cast<size_t>(d->total);
    return ok;
}

FP_EXPORT CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
    Call call("cuDeviceGetAttribute", Call::initialized);
    if (call.failed() || !device_of(device)) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_DEVICE;
    }
    switch (static_cast<int>(attribute)) {
    case 1: // threads per block
        *value = 1024;
        return ok;
    case 14: // texture alignment
        *value = 512;
        return ok;
    case 16: // multiprocessors
        *value = 132;
        return ok;
    case 18: // integrated
        *value = 0;
        return ok;
    case 20:
        *value = static_cast<int>(number("COMPUTE_MODE", 0));
        return ok;
    case 31: // concurrent kernels
    case 41: // unified addressing
        *value = 1;
        return ok;
    case 33:
        *value = 0x10 + device;
        return ok;
    case 34: // PCI device
    case 50: // PCI domain
        *value = 0;
        return ok;
    case 75:
        *value = static_cast<int>(number("COMPUTE_CAPABILITY", 90) / 10);
        return ok;
    case 76:
        *value = static_cast<int>(number("COMPUTE_CAPABILITY", 90) % 10);
        return ok;
    default:
        violation("cuDeviceGetAttribute: attribute %d is not simulated", static_cast<int>(attribute));
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
}

// Device memory in use, the driver's own included.
FP_EXPORT int64_t fp_gpusim_used(int device) {
    Lock lock(mutex());
    Device *d = device_of(device);
    return d ? d->used() : -1;
}

} // namespace sim
