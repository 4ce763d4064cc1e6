// Streams and events: queues of work that a fixed number of threads takes from.
//
// A thread per stream would be simpler, and a thousand cameras would need a thousand
// threads, which no driver does. A stream is in the ready list once or not at all, so
// its work is done in order and by one thread at a time. The first piece of work that
// waits for an event takes its stream off the list until the event is there.
#include <chrono>
#include <thread>

#include "core.h"

namespace sim {

namespace {

struct Scheduler {
    std::deque<std::shared_ptr<Stream>> ready;
    std::condition_variable work;
    bool started = false;
    bool stalled = false;
    int64_t delay_us = 0;
};

Scheduler &scheduler() {
    static auto *s = new Scheduler;
    return *s;
}

int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void make_ready(const std::shared_ptr<Stream> &stream) {
    scheduler().ready.push_back(stream);
    scheduler().work.notify_one();
}

void complete(const std::shared_ptr<Event> &event, uint64_t generation) {
    event->completed = std::max(event->completed, generation);
    event->when_ns = now_ns();
    event->done.notify_all();
    for (auto &stream : event->waiting) {
        make_ready(stream);
    }
    event->waiting.clear();
}

// Does the first piece of work of a stream. Returns false when it has to wait.
bool step(Lock &lock, const std::shared_ptr<Stream> &stream) {
    Op &op = stream->ops.front();
    if (op.wait && op.wait->completed < op.generation) {
        op.wait->waiting.push_back(stream);
        return false;
    }
    if (op.run) {
        auto run = std::move(op.run);
        bool slow = op.slow && scheduler().delay_us > 0;
        lock.unlock();
        if (slow) {
            std::this_thread::sleep_for(std::chrono::microseconds(scheduler().delay_us));
        }
        run();
        run = nullptr;
        lock.lock();
    }
    if (op.record) {
        complete(op.record, op.generation);
    }
    stream->ops.pop_front();
    stream->completed++;
    stream->progress.notify_all();
    return true;
}

void work() {
    Scheduler &s = scheduler();
    Lock lock(mutex());
    for (;;) {
        s.work.wait(lock, [&] { return !s.ready.empty() && !s.stalled; });
        auto stream = std::move(s.ready.front());
        s.ready.pop_front();
        if (!step(lock, stream)) {
            continue; // the event brings it back
        }
        if (stream->ops.empty()) {
            stream->scheduled = false;
        } else {
            make_ready(stream);
        }
    }
}

void start() {
    Scheduler &s = scheduler();
    if (s.started) {
        return;
    }
    s.started = true;
    s.delay_us = number("DELAY_US", 20);
    int64_t n = number("WORKERS", 8);
    for (int64_t i = 0; i < n; i++) {
        std::thread(work).detach();
    }
}

} // namespace

std::shared_ptr<Stream> make_stream(Context *context) {
    start();
    auto stream = std::make_shared<Stream>(context);
    auto &list = context->streams;
    for (size_t i = 0; i < list.size();) {
        if (list[i].expired()) {
            list[i] = list.back();
            list.pop_back();
        } else {
            i++;
        }
    }
    list.push_back(stream);
    return stream;
}

void submit(const std::shared_ptr<Stream> &stream, Op op) {
    stream->ops.push_back(std::move(op));
    stream->submitted++;
    if (!stream->scheduled) {
        stream->scheduled = true;
        make_ready(stream);
    }
}

void wait_stream(Lock &lock, const std::shared_ptr<Stream> &stream) {
    uint64_t last = stream->submitted;
    stream->progress.wait(lock, [&] { return stream->completed >= last; });
}

void wait_context(Lock &lock, Context *context) {
    auto list = context->streams;
    for (auto &weak : list) {
        if (auto stream = weak.lock()) {
            wait_stream(lock, stream);
        }
    }
}

std::shared_ptr<Stream> stream_of(CUstream handle, const char *call) {
    if (id_of(handle) <= 2) { // NULL, and the two special values
        if (setting("NULL_STREAM", "refuse") == "refuse") {
            violation("%s: the NULL stream serialises all cameras, pass a stream of your own", call);
            return nullptr;
        }
        static auto *shared = new std::map<Context *, std::shared_ptr<Stream>>;
        Context *c = current();
        auto &stream = (*shared)[c];
        if (!stream) {
            stream = make_stream(c);
        }
        return stream;
    }
    return find<Stream>(handle, Kind::stream, call);
}

FP_EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned int flags) {
    Call call("cuStreamCreate");
    if (call.failed()) {
        return call.result;
    }
    if (flags > CU_STREAM_NON_BLOCKING) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    auto s = make_stream(call.ctx);
    s->flags = flags;
    *stream = handle_of<CUstream>(add(s));
    return ok;
}

FP_EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
    Call call("cuStreamDestroy");
    if (call.failed()) {
        return call.result;
    }
    auto s = find<Stream>(stream, Kind::stream, call.name);
    if (!s) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    remove(s->id); // its work is still done, and then it is gone
    return ok;
}

FP_EXPORT CUresult cuStreamQuery(CUstream stream) {
    Call call("cuStreamQuery");
    if (call.failed()) {
        return call.result;
    }
    auto s = stream_of(stream, call.name);
    if (!s) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    return s->ops.empty() ? ok : CUDA_ERROR_NOT_READY;
}

FP_EXPORT CUresult cuStreamSynchronize(CUstream stream) {
    Call call("cuStreamSynchronize");
    if (call.failed()) {
        return call.result;
    }
    auto s = stream_of(stream, call.name);
    if (!s) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    wait_stream(call.lock, s);
    return code(call.ctx->sticky);
}

FP_EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int) {
    Call call("cuStreamWaitEvent");
    if (call.failed()) {
        return call.result;
    }
    auto s = stream_of(stream, call.name);
    auto e = find<Event>(event, Kind::event, call.name);
    if (!s || !e) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    Op op;
    op.wait = e;
    op.generation = e->recorded;
    submit(s, std::move(op));
    return ok;
}

FP_EXPORT CUresult cuLaunchHostFunc(CUstream stream, fp_host_fn *function, void *user) {
    Call call("cuLaunchHostFunc");
    if (call.failed()) {
        return call.result;
    }
    auto s = stream_of(stream, call.name);
    if (!s) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    Op op;
    op.run = [function, user] { function(user); };
    submit(s, std::move(op));
    return ok;
}

FP_EXPORT CUresult cuEventCreate(CUevent *event, unsigned int flags) {
    Call call("cuEventCreate");
    if (call.failed()) {
        return call.result;
    }
    if (flags & ~7u) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    *event = handle_of<CUevent>(add(std::make_shared<Event>(call.ctx, flags)));
    return ok;
}

FP_EXPORT CUresult cuEventDestroy_v2(CUevent event) {
    Call call("cuEventDestroy");
    if (call.failed()) {
        return call.result;
    }
    auto e = find<Event>(event, Kind::event, call.name);
    if (!e) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    remove(e->id);
    return ok;
}

FP_EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
    Call call("cuEventRecord");
    if (call.failed()) {
        return call.result;
    }
    auto s = stream_of(stream, call.name);
    auto e = find<Event>(event, Kind::event, call.name);
    if (!s || !e) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    Op op;
    op.record = e;
    op.generation = ++e->recorded;
    submit(s, std::move(op));
    return ok;
}

FP_EXPORT CUresult cuEventQuery(CUevent event) {
    Call call("cuEventQuery");
    if (call.failed()) {
        return call.result;
    }
    auto e = find<Event>(event, Kind::event, call.name);
    if (!e) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    return e->completed >= e->recorded ? ok : CUDA_ERROR_NOT_READY;
}

FP_EXPORT CUresult cuEventSynchronize(CUevent event) {
    Call call("cuEventSynchronize");
    if (call.failed()) {
        return call.result;
    }
    auto e = find<Event>(event, Kind::event, call.name);
    if (!e) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    uint64_t generation = e->recorded;
    e->done.wait(call.lock, [&] { return e->completed >= generation; });
    return code(call.ctx->sticky);
}

FP_EXPORT CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    Call call("cuEventElapsedTime");
    if (call.failed()) {
        return call.result;
    }
    auto a = find<Event>(start, Kind::event, call.name), b = find<Event>(end, Kind::event, call.name);
    if (!a || !b || ((a->flags | b->flags) & CU_EVENT_DISABLE_TIMING) || !a->recorded || !b->recorded) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    if (a->completed < a->recorded || b->completed < b->recorded) {
        return CUDA_ERROR_NOT_READY;
    }
    *milliseconds = static_cast<float>(static_cast<double>(b->when_ns - a->when_ns) / 1e6);
    return ok;
}

// Stops all streams, or lets them go on: with it a test shows that somebody reads
// what nobody waited for.
FP_EXPORT void fp_gpusim_stall(int on) {
    Lock lock(mutex());
    scheduler().stalled = on != 0;
    scheduler().work.notify_all();
}

} // namespace sim
