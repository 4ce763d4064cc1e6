// Byte streams of H.264 and H.265: units, pictures and parameter sets.
#ifndef FP_GPUSIM_NAL_H
#define FP_GPUSIM_NAL_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "fp_cuda.h"

namespace sim {

using Bytes = std::vector<uint8_t>;

// One NAL unit: where its start code and its first byte are, and its end.
struct Nal {
    size_t start, begin, end;
};

std::vector<Nal> split_nals(const uint8_t *data, size_t size);

// What a NAL unit is, for either codec.
struct NalInfo {
    int type = 0;
    bool slice = false;      // any slice
    bool first = false;      // the first slice of a picture
    bool random = false;     // IDR, BLA or CRA
    bool resets = false;     // IDR or BLA: the picture order starts anew
    bool skippable = false;  // RASL: needs what came before its CRA
    bool reference = false;  // others may refer to it
    bool sequence = false;   // SPS or VPS
    bool parameters = false; // SPS, PPS or VPS
    bool starts = false;     // begins an access unit after a slice
};

NalInfo inspect(cudaVideoCodec codec, const uint8_t *nal, size_t size);

inline bool has_nals(cudaVideoCodec codec) { return codec == cudaVideoCodec_H264 || codec == cudaVideoCodec_HEVC; }

// The parameter sets seen last, by type and identifier.
class ParameterSets {
public:
    void keep(const NalInfo &info, const uint8_t *nal, size_t size);
    Bytes all() const;       // with start codes, in the order a decoder wants
    Bytes sequences() const; // VPS and SPS only: what makes a new sequence
    void clear() { sets_.clear(); }

private:
    struct Set {
        bool sequence;
        Bytes bytes;
    };
    std::map<std::pair<int, int>, Set> sets_;
};

} // namespace sim

#endif
