// The format of a coded sequence, found by decoding its first picture once.
#ifndef FP_GPUSIM_SEQUENCE_H
#define FP_GPUSIM_SEQUENCE_H

#include "fp_cuda.h"

namespace sim {

struct Sequence {
    CUVIDEOFORMAT format = {};
    int reorder = 0; // pictures that are held for their display order
};

// False when the picture cannot be decoded.
bool probe(cudaVideoCodec codec, const uint8_t *data, size_t size, Sequence *out);

} // namespace sim

#endif
