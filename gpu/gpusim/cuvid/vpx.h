// Frame headers of VP8 and VP9, as far as a parser has to know them.
#ifndef FP_GPUSIM_VPX_H
#define FP_GPUSIM_VPX_H

#include "nal.h"

namespace sim {

inline bool is_vpx(cudaVideoCodec codec) { return codec == cudaVideoCodec_VP8 || codec == cudaVideoCodec_VP9; }

struct VpxInfo {
    bool ok = false;
    bool key = false;
    bool shown = false;
    int repeats = -1;     // the slot whose frame is shown again (VP9)
    unsigned refresh = 0; // the slots that this frame goes to (VP9)
};

VpxInfo inspect_vpx(cudaVideoCodec codec, const Bytes &frame);

// The frames of a superframe; of anything else, itself.
std::vector<Bytes> split_superframe(const Bytes &data);

} // namespace sim

#endif
