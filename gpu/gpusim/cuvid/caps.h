#ifndef FP_GPUSIM_CAPS_H
#define FP_GPUSIM_CAPS_H

#include "fp_cuda.h"

namespace sim {

// Fills the answer of cuvidGetDecoderCaps from the question in it.
void fill_caps(CUVIDDECODECAPS *caps);

} // namespace sim

#endif
