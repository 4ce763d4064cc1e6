#ifndef FP_GPUSIM_SURFACE_H
#define FP_GPUSIM_SURFACE_H

#include <cstdint>

#include "picture.h"

namespace sim {

struct Box {
    int left = 0, top = 0, right = 0, bottom = 0;
    int width() const { return right - left; }
    int height() const { return bottom - top; }
};

// What the post-processing of a mapped frame does: crop, scale, interleave.
struct Output {
    uint8_t *data = nullptr;
    int pitch = 0;
    int width = 0, height = 0; // of the target
    Box source, target;
    bool wide = false; // P016 instead of NV12
};

// Writes a picture; without one, grey.
void post_process(const AVFrame *picture, const Output &out);

} // namespace sim

#endif
