// The part of NVML that a monitor reads: devices, memory, load, this process.
#include <cstdio>
#include <cstring>
#include <unistd.h>

#include "core.h"

namespace {

enum { success = 0, uninitialized = 1, invalid_argument = 2, not_supported = 3, not_found = 6, insufficient_size = 7 };

bool ready;

using Handle = sim::Device *;

struct Utilization {
    unsigned gpu, memory;
};

struct Memory {
    unsigned long long total, free, used;
};

struct Memory2 {
    unsigned version;
    unsigned long long total, reserved, free, used;
};

struct Process { // nvmlProcessInfo_t of the _v2 and _v3 calls
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
};

struct PciInfo {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char text[32];
};
static_assert(sizeof(Process) == 24 && sizeof(Memory2) == 40 && sizeof(PciInfo) == 68, "NVML's layouts");

int begin() {
    sim::Lock lock(sim::mutex());
    if (int error = sim::inject("nvmlInit")) {
        return error;
    }
    ready = true;
    return success;
}

// Runs body with the device of a handle.
template <class F> int with(Handle d, F body) {
    sim::Lock lock(sim::mutex());
    if (!ready) {
        return uninitialized;
    }
    for (auto &known : sim::devices()) {
        if (known.get() == d) {
            return body(*d);
        }
    }
    return invalid_argument;
}

template <class F> int search(Handle *out, F same) {
    sim::Lock lock(sim::mutex());
    if (!ready) {
        return uninitialized;
    }
    for (auto &d : sim::devices()) {
        if (same(*d)) {
            *out = d.get();
            return success;
        }
    }
    return not_found;
}

int copy(const std::string &s, char *out, unsigned size) {
    if (s.size() + 1 > size) {
        return insufficient_size;
    }
    std::memcpy(out, s.c_str(), s.size() + 1);
    return success;
}

// PCI addresses come with four or eight digits of domain and in either case.
bool same_bus(const std::string &a, const char *b) {
    unsigned da, ba, va, db, bb, vb;
    return std::sscanf(a.c_str(), "%x:%x:%x", &da, &ba, &va) == 3 && std::sscanf(b, "%x:%x:%x", &db, &bb, &vb) == 3 && da == db && ba == bb &&
           va == vb;
}

} // namespace

FP_EXPORT int nvmlInit_v2(void) { return begin(); }
FP_EXPORT int nvmlInit(void) { return begin(); }
FP_EXPORT int nvmlInitWithFlags(unsigned) { return begin(); }

FP_EXPORT int nvmlShutdown(void) {
    sim::Lock lock(sim::mutex());
    int result = ready ? success : uninitialized;
    ready = false;
    return result;
}

FP_EXPORT const char *nvmlErrorString(int error) {
    switch (error) {
    case success:
        return "Success";
    case uninitialized:
        return "Uninitialized";
    case invalid_argument:
        return "Invalid Argument";
    case not_supported:
        return "Not Supported";
    case not_found:
        return "Not Found";
    case insufficient_size:
        return "Insufficient Size";
    case 9:
        return "Driver Not Loaded";
    case 15:
        return "GPU is lost";
    case 18:
        return "Driver/library version mismatch";
    default:
        return "Unknown Error";
    }
}

FP_EXPORT int nvmlSystemGetDriverVersion(char *out, unsigned size) { return ready ? copy("570.00.00", out, size) : uninitialized; }
FP_EXPORT int nvmlSystemGetNVMLVersion(char *out, unsigned size) { return ready ? copy("12.570.00.00", out, size) : uninitialized; }

FP_EXPORT int nvmlDeviceGetCount_v2(unsigned *count) {
    sim::Lock lock(sim::mutex());
    *count = static_cast<unsigned>(sim::devices().size());
    return ready ? success : uninitialized;
}

FP_EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, Handle *out) {
    return search(out, [&](const sim::Device &d) { return d.ordinal == static_cast<int>(index); });
}
FP_EXPORT int nvmlDeviceGetHandleByUUID(const char *uuid, Handle *out) {
    return search(out, [&](const sim::Device &d) { return d.uuid_text == uuid; });
}
FP_EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, Handle *out) {
    return search(out, [&](const sim::Device &d) { return same_bus(d.bus_id, bus); });
}

FP_EXPORT int nvmlDeviceGetUUID(Handle d, char *out, unsigned size) {
    return with(d, [&](const sim::Device &v) { return copy(v.uuid_text, out, size); });
}
FP_EXPORT int nvmlDeviceGetName(Handle d, char *out, unsigned size) {
    return with(d, [&](const sim::Device &v) { return copy(v.name, out, size); });
}
FP_EXPORT int nvmlDeviceGetIndex(Handle d, unsigned *index) {
    return with(d, [&](const sim::Device &v) { return *index = static_cast<unsigned>(v.ordinal), success; });
}

FP_EXPORT int nvmlDeviceGetPciInfo_v3(Handle d, PciInfo *info) {
    return with(d, [&](const sim::Device &v) {
        *info = {};
        std::snprintf(info->legacy, sizeof info->legacy, "%s", v.bus_id.c_str());
        std::snprintf(info->text, sizeof info->text, "0000%s", v.bus_id.c_str());
        info->bus = 0x10 + static_cast<unsigned>(v.ordinal);
        return success;
    });
}

// Load comes from the environment: there is nothing to measure.
FP_EXPORT int nvmlDeviceGetUtilizationRates(Handle d, Utilization *u) {
    return with(d, [&](const sim::Device &) {
        *u = {static_cast<unsigned>(sim::number("LOAD", 0)), 0};
        return success;
    });
}
FP_EXPORT int nvmlDeviceGetDecoderUtilization(Handle d, unsigned *percent, unsigned *period) {
    return with(d, [&](const sim::Device &) {
        *percent = static_cast<unsigned>(sim::number("DECODER_LOAD", 0));
        *period = 1000000;
        return success;
    });
}
FP_EXPORT int nvmlDeviceGetJpgUtilization(Handle d, unsigned *percent, unsigned *period) {
    return with(d, [&](const sim::Device &) { return *percent = 0, *period = 1000000, success; });
}

FP_EXPORT int nvmlDeviceGetMemoryInfo(Handle d, Memory *m) {
    return with(d, [&](const sim::Device &v) {
        auto total = static_cast<unsigned long long>(v.total), used = static_cast<unsigned long long>(v.used());
        *m = {total, total - used, used};
        return success;
    });
}
FP_EXPORT int nvmlDeviceGetMemoryInfo_v2(Handle d, Memory2 *m) {
    return with(d, [&](const sim::Device &v) {
        auto total = static_cast<unsigned long long>(v.total), used = static_cast<unsigned long long>(v.used());
        *m = {m->version, total, 0, total - used, used};
        return success;
    });
}

FP_EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(Handle d, unsigned *count, Process *list) {
    return with(d, [&](const sim::Device &v) {
        unsigned room = *count;
        *count = v.primary ? 1 : 0;
        if (room < *count) {
            return static_cast<int>(insufficient_size);
        }
        if (*count) {
            // In a container NVML tells the host's numbers; a test can have that too.
            auto pid = static_cast<unsigned>(sim::number("PID", ::getpid()));
            list[0] = {pid, static_cast<unsigned long long>(v.used()), 0xffffffff, 0xffffffff};
        }
        return static_cast<int>(success);
    });
}
FP_EXPORT int nvmlDeviceGetComputeRunningProcesses_v2(Handle d, unsigned *count, Process *list) {
    return nvmlDeviceGetComputeRunningProcesses_v3(d, count, list);
}

FP_EXPORT int nvmlDeviceGetClockInfo(Handle d, int, unsigned *mhz) {
    return with(d, [&](const sim::Device &) { return *mhz = 1500, success; });
}
FP_EXPORT int nvmlDeviceGetMaxClockInfo(Handle d, int, unsigned *mhz) {
    return with(d, [&](const sim::Device &) { return *mhz = 1980, success; });
}
FP_EXPORT int nvmlDeviceGetComputeMode(Handle d, int *mode) {
    return with(d, [&](const sim::Device &) { return *mode = static_cast<int>(sim::number("COMPUTE_MODE", 0)), success; });
}
FP_EXPORT int nvmlDeviceGetMigMode(Handle d, unsigned *now, unsigned *pending) {
    return with(d, [&](const sim::Device &) { return *now = *pending = 0, success; });
}
