#include "vpx.h"

namespace sim {

namespace {

struct Bits {
    const Bytes &data;
    size_t at = 0;
    bool short_of = false;

    unsigned get(int n) {
        unsigned v = 0;
        for (; n > 0; n--, at++) {
            short_of = short_of || at / 8 >= data.size();
            v = v << 1 | (short_of ? 0 : data[at / 8] >> (7 - at % 8) & 1u);
        }
        return v;
    }
};

VpxInfo inspect_vp8(const Bytes &frame) {
    VpxInfo v;
    v.ok = frame.size() >= 3;
    if (v.ok) {
        v.key = (frame[0] & 1) == 0;
        v.shown = (frame[0] & 0x10) != 0;
    }
    return v;
}

VpxInfo inspect_vp9(const Bytes &frame) {
    VpxInfo v;
    Bits b{frame};
    if (b.get(2) != 2) {
        return v;
    }
    unsigned profile = b.get(1);
    profile |= b.get(1) << 1;
    if (profile == 3) {
        b.get(1);
    }
    if (b.get(1)) {
        v.repeats = static_cast<int>(b.get(3));
        v.shown = true;
        v.ok = !b.short_of;
        return v;
    }
    v.key = b.get(1) == 0;
    v.shown = b.get(1) == 1;
    bool resilient = b.get(1) == 1;
    if (v.key) {
        v.refresh = 255;
        v.ok = !b.short_of;
        return v;
    }
    bool intra_only = !v.shown && b.get(1) == 1;
    if (!resilient) {
        b.get(2);
    }
    if (intra_only) {
        b.get(24);
        if (profile >= 2) {
            b.get(1);
        }
        if (profile > 0) {
            // Colour space and range; the profiles of other chroma say that too.
            b.get(4);
            b.get(profile & 1 ? 3 : 0);
        }
    }
    v.refresh = b.get(8);
    v.ok = !b.short_of;
    return v;
}

} // namespace

VpxInfo inspect_vpx(cudaVideoCodec codec, const Bytes &frame) {
    return codec == cudaVideoCodec_VP8 ? inspect_vp8(frame) : inspect_vp9(frame);
}

std::vector<Bytes> split_superframe(const Bytes &data) {
    if (data.empty() || data.back() >> 5 != 6) {
        return {data};
    }
    size_t width = (data.back() >> 3 & 3u) + 1, count = (data.back() & 7u) + 1, index = 2 + width * count;
    if (data.size() < index || data[data.size() - index] != data.back()) {
        return {data};
    }
    std::vector<Bytes> frames;
    auto size_at = data.end() - static_cast<ptrdiff_t>(index) + 1;
    size_t from = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        for (size_t k = 0; k < width; k++) {
            size |= static_cast<size_t>(*size_at++) << (8 * k);
        }
        if (size > data.size() - index - from) {
            return {data};
        }
        if (size > 0) {
            frames.emplace_back(data.begin() + static_cast<ptrdiff_t>(from), data.begin() + static_cast<ptrdiff_t>(from + size));
        }
        from += size;
    }
    return frames;
}

} // namespace sim
