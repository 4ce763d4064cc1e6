// What the simulated decoder can: that of a Hopper card.
#include "caps.h"

#include <string>

#include "core.h"

namespace sim {

namespace {

struct Ability {
    cudaVideoCodec codec;
    const char *name;
    int max_depth; // bits
    unsigned max_side, min_width, min_height;
};

const Ability abilities[] = {
    {cudaVideoCodec_H264, "h264", 8, 4096, 48, 16},  {cudaVideoCodec_HEVC, "hevc", 12, 8192, 144, 144},
    {cudaVideoCodec_JPEG, "jpeg", 8, 8192, 64, 64},  {cudaVideoCodec_VP8, "vp8", 8, 4096, 48, 16},
    {cudaVideoCodec_VP9, "vp9", 12, 8192, 128, 128}, {cudaVideoCodec_MPEG4, "mpeg4", 8, 2048, 48, 16},
};

bool excluded(const char *name) {
    std::string list = "," + setting("NO_CODEC", "") + ",";
    return list.find("," + std::string(name) + ",") != std::string::npos;
}

} // namespace

void fill_caps(CUVIDDECODECAPS *caps) {
    caps->bIsSupported = 0;
    caps->nNumNVDECs = 0;
    caps->nOutputFormatMask = 0;
    caps->nMaxWidth = caps->nMaxHeight = caps->nMaxMBCount = 0;
    caps->nMinWidth = caps->nMinHeight = 0;
    int64_t engines = number("ENGINES", 7); // 0 on a slice of a card without decoders
    for (const Ability &a : abilities) {
        int depth = static_cast<int>(caps->nBitDepthMinus8) + 8;
        if (a.codec != caps->eCodecType || engines == 0 || depth > a.max_depth || excluded(a.name) || caps->eChromaFormat != cudaVideoChromaFormat_420) {
            continue;
        }
        caps->bIsSupported = 1;
        caps->nNumNVDECs = static_cast<unsigned char>(engines);
        caps->nOutputFormatMask = 1 << cudaVideoSurfaceFormat_NV12;
        if (depth > 8) {
            caps->nOutputFormatMask |= 1 << cudaVideoSurfaceFormat_P016;
        }
        caps->nMaxWidth = caps->nMaxHeight = a.max_side;
        caps->nMaxMBCount = a.max_side / 16 * (a.max_side / 16);
        caps->nMinWidth = static_cast<unsigned short>(a.min_width);
        caps->nMinHeight = static_cast<unsigned short>(a.min_height);
    }
}

FP_EXPORT CUresult cuvidGetDecoderCaps(CUVIDDECODECAPS *caps) {
    Call call("cuvidGetDecoderCaps");
    if (!call.failed()) {
        fill_caps(caps);
    }
    return call.result;
}

} // namespace sim
