// The heart of the simulated driver, in libcuda.so.1: objects, contexts, memory and
// streams. libnvcuvid.so.1 and libnvjpeg.so.12 are written on top of it.
//
// One mutex guards all state. Worker threads run the work of the streams without it.
#ifndef FP_GPUSIM_CORE_H
#define FP_GPUSIM_CORE_H

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fp_cuda.h"

#define FP_API __attribute__((visibility("default")))
#define FP_EXPORT extern "C" FP_API

namespace sim {

constexpr CUresult ok = CUDA_SUCCESS;
constexpr CUresult code(int v) { return static_cast<CUresult>(v); }

// What can leak. The names are kind_names in registry.cpp.
enum class Kind {
    context, // a retained primary context
    push,    // a context that is current on some thread
    memory,
    pinned,
    stream,
    event,
    module,
    import, // memory of another process
    decoder,
    parser,
    frame, // a mapped frame
    lock,
    jpeg_handle,
    jpeg_state,
    jpeg_params,
    count,
    function = count, // lives and dies with its module
};

FP_API const char *kind_name(Kind kind);

struct Context;

struct FP_API Object {
    Object(Kind k, Context *c) : kind(k), context(c) {}
    virtual ~Object() = default;
    Object(const Object &) = delete;
    Object &operator=(const Object &) = delete;

    const Kind kind;
    Context *const context; // NULL for what belongs to no context
    uint64_t id = 0;
};

// ---- Configuration -------------------------------------------------------------------

// Reads FRAMEPORT_GPUSIM_<name>.
FP_API int64_t number(const char *name, int64_t otherwise);
FP_API std::string setting(const char *name, const char *otherwise);

// ---- Locking and reporting -------------------------------------------------------------

FP_API std::mutex &mutex();
using Lock = std::unique_lock<std::mutex>;

// Notes that a rule of the driver was broken. Callers may hold the mutex.
FP_API void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

// ---- Objects (with the mutex held) -----------------------------------------------------

FP_API uint64_t add(std::shared_ptr<Object> object);
FP_API void remove(uint64_t id);
FP_API void count_live(Kind kind, int64_t change);
// The object behind a handle. Anything but a living object of that kind and of the
// current context is a violation and NULL.
FP_API std::shared_ptr<Object> lookup(uint64_t id, Kind kind, const char *call);

template <class T> uint64_t id_of(T *handle) { return reinterpret_cast<uint64_t>(handle); }
template <class T> T handle_of(uint64_t id) { return reinterpret_cast<T>(id); }
template <class T, class H> std::shared_ptr<T> find(H *handle, Kind kind, const char *call) {
    return std::static_pointer_cast<T>(lookup(id_of(handle), kind, call));
}

// ---- Devices and contexts --------------------------------------------------------------

struct Device {
    int ordinal = 0;
    std::string name, uuid_text, bus_id;
    unsigned char uuid[16] = {};
    int64_t total = 0;
    int64_t used_large = 0, used_small = 0; // small allocations share blocks of 2 MiB
    unsigned flags = 0;
    int retained = 0;
    std::shared_ptr<Context> primary;

    FP_API int64_t used() const;
};

FP_API std::vector<std::unique_ptr<Device>> &devices();

struct Stream;

struct Context : Object {
    explicit Context(Device *d) : Object(Kind::context, nullptr), device(d) {}
    Device *const device;
    int sticky = 0; // the error that all calls return from now on
    std::vector<std::weak_ptr<Stream>> streams;
};

// The context that is current on this thread, or NULL.
FP_API Context *current();

// Call is the first line of every entry point: it counts the call, injects the
// faults that are set, and checks that a context is current and alive. The mutex is
// held from there to the end of the scope unless the caller unlocks it.
struct FP_API Call {
    enum Need { nothing, initialized, context, host_only };
    explicit Call(const char *name, Need need = context);
    bool failed() const { return result != ok; }

    const char *name;
    CUresult result = ok;
    int injected = 0; // a fault that the call itself must make, such as a sticky one
    Context *ctx = nullptr;
    Lock lock;
};

FP_API void poison(Context *context, int error);
FP_API bool is_sticky(int error);
// Counts one thing of that name and returns the fault that is set for it, or 0.
FP_API int inject(const char *name);
// How long the next call of that name must block in milliseconds (-1 for ever, 0 not).
FP_API int64_t blocking(const char *name);
FP_API void block_for(int64_t milliseconds);

// ---- Memory (with the mutex held) ------------------------------------------------------

struct Block {
    uint64_t base = 0;
    int64_t size = 0;     // what was asked for
    int64_t reserved = 0; // mapped bytes
    Context *context = nullptr;
    bool internal = false; // the driver's own: never freed by the caller
    bool readable = true;  // false for an output surface that is not mapped
    bool imported = false;
    int opened = 0; // how often, when imported
    int64_t exporter = 0;
    int fd = -1; // once exported
    uint64_t file_device = 0, file_inode = 0; // of what other processes open
};

// Books device memory; false when there is not enough.
FP_API bool reserve(Device *device, int64_t bytes);
FP_API void release(Device *device, int64_t bytes);
// Returns 0 when the device is full. The memory is filled with 0xCD up to a limit.
FP_API uint64_t allocate(Context *context, int64_t bytes, bool internal);
FP_API void free_block(uint64_t base);
FP_API Block *block_of(uint64_t address);
// Whether a range lies in one living block of the context.
FP_API bool in_device_memory(Context *context, uint64_t address, int64_t bytes, bool at_launch);
FP_API bool in_pinned_memory(const void *host, size_t bytes);

constexpr uint8_t fresh_byte = 0xCD, freed_byte = 0xDB, unmapped_byte = 0xAB;

// ---- Streams ----------------------------------------------------------------------------

struct Event : Object {
    Event(Context *c, unsigned f) : Object(Kind::event, c), flags(f) {}
    const unsigned flags;
    uint64_t recorded = 0, completed = 0;
    std::vector<std::shared_ptr<Stream>> waiting;
    std::condition_variable done;
    int64_t when_ns = 0;
};

struct Op {
    std::function<void()> run;   // without the mutex
    std::shared_ptr<Event> wait; // for this generation
    std::shared_ptr<Event> record;
    uint64_t generation = 0;
    bool slow = false; // takes the time of FRAMEPORT_GPUSIM_DELAY_US
};

struct Stream : Object, std::enable_shared_from_this<Stream> {
    explicit Stream(Context *c) : Object(Kind::stream, c) {}
    std::deque<Op> ops;
    bool scheduled = false; // in the ready queue, running, or waiting for an event
    uint64_t submitted = 0, completed = 0;
    std::condition_variable progress;
    unsigned flags = 0;
};

// With the mutex held. A stream made here is the driver's own and not counted.
FP_API std::shared_ptr<Stream> make_stream(Context *context);
FP_API void submit(const std::shared_ptr<Stream> &stream, Op op);
// Waits for what has been submitted so far.
FP_API void wait_stream(Lock &lock, const std::shared_ptr<Stream> &stream);
FP_API void wait_context(Lock &lock, Context *context);
// The stream of a handle; refuses the NULL stream.
FP_API std::shared_ptr<Stream> stream_of(CUstream handle, const char *call);
// For work that was submitted: reports memory that died since.
FP_API bool still_valid(Context *context, uint64_t address, int64_t bytes, const char *call);

} // namespace sim

#endif
