#include "nal.h"

#include <algorithm>

namespace sim {

std::vector<Nal> split_nals(const uint8_t *data, size_t size) {
    std::vector<Nal> list;
    for (size_t i = 0; i + 3 <= size;) {
        if (data[i] != 0 || data[i + 1] != 0 || data[i + 2] != 1) {
            i++;
            continue;
        }
        size_t start = i > 0 && data[i - 1] == 0 ? i - 1 : i;
        if (!list.empty()) {
            list.back().end = start;
        }
        list.push_back({start, i + 3, size});
        i += 3;
    }
    list.erase(std::remove_if(list.begin(), list.end(), [](const Nal &n) { return n.end <= n.begin; }), list.end());
    return list;
}

namespace {

NalInfo inspect_h264(const uint8_t *nal, size_t size) {
    NalInfo n;
    n.type = nal[0] & 0x1F;
    n.reference = (nal[0] & 0x60) != 0;
    n.slice = n.type >= 1 && n.type <= 5;
    n.first = n.slice && size > 1 && (nal[1] & 0x80) != 0; // first_mb_in_slice is 0
    n.random = n.resets = n.type == 5;
    n.sequence = n.type == 7;
    n.parameters = n.type == 7 || n.type == 8;
    n.starts = n.first || (n.type >= 6 && n.type <= 9) || (n.type >= 14 && n.type <= 18);
    return n;
}

NalInfo inspect_hevc(const uint8_t *nal, size_t size) {
    NalInfo n;
    n.type = nal[0] >> 1 & 0x3F;
    n.slice = n.type <= 31;
    n.first = n.slice && size > 2 && (nal[2] & 0x80) != 0;
    n.random = n.type >= 16 && n.type <= 23;
    n.resets = n.type >= 16 && n.type <= 20;
    n.skippable = n.type == 8 || n.type == 9;
    n.reference = n.type > 14 || n.type % 2 == 1; // the even ones below 16 are not referred to
    n.sequence = n.type == 32 || n.type == 33;
    n.parameters = n.type >= 32 && n.type <= 34;
    n.starts = n.first || (n.type >= 32 && n.type <= 35) || n.type == 39;
    return n;
}

// The Exp-Golomb number at a bit position.
int golomb(const uint8_t *data, size_t size, size_t bit) {
    auto at = [&](size_t i) { return i / 8 < size ? data[i / 8] >> (7 - i % 8) & 1 : 1; };
    int zeros = 0;
    while (!at(bit) && zeros < 16) {
        zeros++;
        bit++;
    }
    int value = 0;
    for (int i = 0; i <= zeros; i++) {
        value = value << 1 | at(bit++);
    }
    return value - 1;
}

// Only PPS identifiers matter: cameras use one SPS, and a second replaces it.
int identifier(const NalInfo &n, const uint8_t *nal, size_t size) {
    if (n.type == 8) {
        return golomb(nal, size, 8);
    }
    return n.type == 34 ? golomb(nal, size, 16) : 0;
}

void append(Bytes *out, const Bytes &nal) {
    const uint8_t code[] = {0, 0, 0, 1};
    out->insert(out->end(), code, code + 4);
    out->insert(out->end(), nal.begin(), nal.end());
}

} // namespace

NalInfo inspect(cudaVideoCodec codec, const uint8_t *nal, size_t size) {
    return codec == cudaVideoCodec_H264 ? inspect_h264(nal, size) : inspect_hevc(nal, size);
}

void ParameterSets::keep(const NalInfo &info, const uint8_t *nal, size_t size) {
    sets_[{info.type, identifier(info, nal, size)}] = {info.sequence, Bytes(nal, nal + size)};
}

Bytes ParameterSets::all() const {
    Bytes out;
    for (auto &[key, set] : sets_) {
        append(&out, set.bytes);
    }
    return out;
}

Bytes ParameterSets::sequences() const {
    Bytes out;
    for (auto &[key, set] : sets_) {
        if (set.sequence) {
            append(&out, set.bytes);
        }
    }
    return out;
}

} // namespace sim
