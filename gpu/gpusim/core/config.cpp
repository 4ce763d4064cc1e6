// Settings and fault injection from the environment (README.md lists them).
#include <algorithm>
#include <cstdlib>
#include <thread>

#include "core.h"

namespace sim {

namespace {

// One fault: the n-th call of a name (0: every call; from: the n-th and all later).
struct Fault {
    std::string call;
    int64_t nth = 0;
    bool from = false;
    int64_t value = 0;
};

struct Faults {
    std::vector<Fault> fail, block;
    std::map<std::string, int64_t> calls;
};

// "call:n:value,call:n+:value"
std::vector<Fault> parse(const std::string &text) {
    std::vector<Fault> list;
    size_t at = 0;
    while (at < text.size()) {
        size_t end = std::min(text.find(',', at), text.size());
        std::string item = text.substr(at, end - at);
        at = end + 1;
        size_t first = item.find(':'), second = item.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) {
            violation("gpusim: fault \"%s\" is not call:n:value", item.c_str());
            continue;
        }
        Fault f;
        f.call = item.substr(0, first);
        std::string n = item.substr(first + 1, second - first - 1);
        f.from = !n.empty() && n.back() == '+';
        f.nth = std::atoll(n.c_str());
        f.value = std::atoll(item.c_str() + second + 1);
        list.push_back(f);
    }
    return list;
}

Faults &faults() {
    static Faults *f = new Faults{parse(setting("FAIL", "")), parse(setting("BLOCK", "")), {}};
    return *f;
}

int64_t matching(const std::vector<Fault> &list, const std::string &name, int64_t count) {
    for (const Fault &f : list) {
        if (f.call == name && (f.nth == 0 || f.nth == count || (f.from && count >= f.nth))) {
            return f.value;
        }
    }
    return 0;
}

} // namespace

std::string setting(const char *name, const char *otherwise) {
    const char *v = std::getenv((std::string("FRAMEPORT_GPUSIM_") + name).c_str());
    return v && *v ? v : otherwise;
}

int64_t number(const char *name, int64_t otherwise) {
    std::string v = setting(name, "");
    return v.empty() ? otherwise : std::strtoll(v.c_str(), nullptr, 0);
}

int inject(const char *name) {
    Faults &f = faults();
    int64_t count = ++f.calls[name];
    return static_cast<int>(matching(f.fail, name, count));
}

int64_t blocking(const char *name) {
    Faults &f = faults();
    return matching(f.block, name, f.calls[name]);
}

void block_for(int64_t milliseconds) {
    if (milliseconds < 0) {
        for (;;) {
            std::this_thread::sleep_for(std::chrono::hours(1));
        }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

// For tests in this process: how often a function was called, and faults that
// replace those of the environment. Counting starts anew with every change.
FP_EXPORT int64_t fp_gpusim_calls(const char *name) {
    Lock lock(mutex());
    auto &calls = faults().calls;
    auto it = calls.find(name);
    return it == calls.end() ? 0 : it->second;
}

FP_EXPORT void fp_gpusim_fail(const char *spec) {
    Lock lock(mutex());
    faults().fail = parse(spec ? spec : "");
    faults().calls.clear();
}

FP_EXPORT void fp_gpusim_block(const char *spec) {
    Lock lock(mutex());
    faults().block = parse(spec ? spec : "");
    faults().calls.clear();
}

} // namespace sim
