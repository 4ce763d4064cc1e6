// Living objects, broken rules, and the report of both.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unordered_map>

#include "core.h"

namespace sim {

namespace {

constexpr int kinds = static_cast<int>(Kind::count);

const char *const kind_names[] = {"context", "push",  "memory", "pinned",      "stream",     "event",       "module",  "import",
                                  "decoder", "parser", "frame",  "lock",        "jpeg_handle", "jpeg_state", "jpeg_params", "function"};

// Handles look like addresses and are none: using one as such ends in a fault.
constexpr uint64_t first_id = 0x5f0000000000, id_step = 16;

struct Registry {
    std::unordered_map<uint64_t, std::shared_ptr<Object>> objects;
    uint64_t next = first_id;
    int64_t live[kinds] = {};
    int64_t violations = 0;
    std::string last;
    char *status = nullptr; // the file of FRAMEPORT_GPUSIM_REPORT, mapped
};

constexpr int line_bytes = 32; // of the status file: name, number, newline

// Never destroyed: worker threads and the exit handler use it to the very end.
Registry &registry() {
    static Registry *r = new Registry;
    return *r;
}

// Violations have a lock of their own because some callers hold the mutex.
std::mutex &violation_mutex() {
    static std::mutex *m = new std::mutex;
    return *m;
}

void write_line(int line, const char *name, int64_t value) {
    Registry &r = registry();
    if (r.status) {
        char text[line_bytes + 1];
        std::snprintf(text, sizeof text, "%-15s%16lld\n", name, static_cast<long long>(value));
        std::memcpy(r.status + line * line_bytes, text, line_bytes);
    }
}

// The status file tells another process what lives here, even after this one ended
// in a way that runs no exit handler; a Go program's normal end is such a way.
void open_status() {
    std::string path = setting("REPORT", "");
    if (path.empty()) {
        return;
    }
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    size_t bytes = (kinds + 1) * line_bytes;
    if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
        violation("gpusim: the report file %s cannot be written", path.c_str());
        return;
    }
    void *at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (at == MAP_FAILED) {
        return;
    }
    registry().status = static_cast<char *>(at);
    for (int k = 0; k < kinds; k++) {
        write_line(k, kind_names[k], 0);
    }
    write_line(kinds, "violation", 0);
}

} // namespace

const char *kind_name(Kind kind) { return kind_names[static_cast<int>(kind)]; }

std::mutex &mutex() {
    static std::mutex *m = new std::mutex;
    return *m;
}

void violation(const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    std::lock_guard<std::mutex> lock(violation_mutex());
    Registry &r = registry();
    r.violations++;
    r.last = text;
    write_line(kinds, "violation", r.violations);
    std::fprintf(stderr, "gpusim: violation: %s\n", text);
    if (setting("STRICT", "") == "abort") {
        std::abort();
    }
}

uint64_t add(std::shared_ptr<Object> object) {
    Registry &r = registry();
    r.next += id_step;
    object->id = r.next;
    if (object->kind != Kind::function) {
        count_live(object->kind, 1);
    }
    uint64_t id = r.next;
    r.objects.emplace(id, std::move(object));
    return id;
}

void remove(uint64_t id) {
    Registry &r = registry();
    auto it = r.objects.find(id);
    if (it == r.objects.end()) {
        return;
    }
    if (it->second->kind != Kind::function) {
        count_live(it->second->kind, -1);
    }
    r.objects.erase(it);
}

void count_live(Kind kind, int64_t change) {
    int k = static_cast<int>(kind);
    Registry &r = registry();
    r.live[k] += change;
    write_line(k, kind_names[k], r.live[k]);
}

std::shared_ptr<Object> lookup(uint64_t id, Kind kind, const char *call) {
    Registry &r = registry();
    auto it = r.objects.find(id);
    if (it == r.objects.end()) {
        bool was = id > first_id && id <= r.next && (id - first_id) % id_step == 0;
        violation("%s: the %s %#llx %s", call, kind_name(kind), static_cast<unsigned long long>(id),
                  was ? "was destroyed before" : "is no handle");
        return nullptr;
    }
    const std::shared_ptr<Object> &o = it->second;
    if (o->kind != kind) {
        violation("%s: the handle is of a %s, not of a %s", call, kind_name(o->kind), kind_name(kind));
        return nullptr;
    }
    if (o->context && o->context != current()) {
        violation("%s: the %s belongs to a context that is not current", call, kind_name(kind));
        return nullptr;
    }
    return o;
}

namespace {

// Prints what lives and returns how many things that are, violations included.
int64_t report() {
    Lock lock(mutex());
    Registry &r = registry();
    bool lost = false;
    for (auto &d : devices()) {
        lost = lost || (d->primary && d->primary->sticky);
    }
    int64_t total = 0;
    for (int k = 0; k < kinds; k++) {
        if (r.live[k] != 0 && !lost) {
            std::fprintf(stderr, "gpusim: leak: %lld %s\n", static_cast<long long>(r.live[k]), kind_names[k]);
            total += r.live[k];
        }
    }
    if (lost) {
        std::fprintf(stderr, "gpusim: the context was lost to an error, leaks are not counted\n");
    }
    if (r.violations != 0) {
        std::fprintf(stderr, "gpusim: %lld violations, the last: %s\n", static_cast<long long>(r.violations), r.last.c_str());
        total += r.violations;
    }
    return total;
}

constexpr int leak_status = 97;

struct AtExit {
    AtExit() { open_status(); }
    ~AtExit() {
        if (report() != 0) {
            std::fflush(nullptr);
            ::_exit(leak_status);
        }
    }
} at_exit;

} // namespace

// How many things of a kind live, or of all kinds for NULL; -1 for an unknown kind.
FP_EXPORT int64_t fp_gpusim_live(const char *kind) {
    Lock lock(mutex());
    int64_t total = 0;
    for (int k = 0; k < kinds; k++) {
        if (kind && std::strcmp(kind, kind_names[k]) == 0) {
            return registry().live[k];
        }
        total += registry().live[k];
    }
    return kind ? -1 : total;
}

// The name of the k-th kind, NULL after the last.
FP_EXPORT const char *fp_gpusim_kind(int k) { return k >= 0 && k < kinds ? kind_names[k] : nullptr; }

FP_EXPORT int64_t fp_gpusim_violations(void) {
    std::lock_guard<std::mutex> lock(violation_mutex());
    return registry().violations;
}

// Copies the text of the last violation and forgets all of them.
FP_EXPORT int64_t fp_gpusim_take_violations(char *last, size_t size) {
    std::lock_guard<std::mutex> lock(violation_mutex());
    Registry &r = registry();
    int64_t n = r.violations;
    if (last && size > 0) {
        std::snprintf(last, size, "%s", r.last.c_str());
    }
    r.violations = 0;
    r.last.clear();
    write_line(kinds, "violation", 0);
    return n;
}

// Prints leaks and violations to stderr and returns their number.
FP_EXPORT int64_t fp_gpusim_report(void) { return report(); }

} // namespace sim
