// The kernels of kernels.cu as CPU code, by name: for tests and for the simulated
// driver. Include it in one C++ file; it includes kernels.cu itself.
#ifndef FP_KERNELS_HOST_H
#define FP_KERNELS_HOST_H

#include <cstddef>
#include <cstring>

#include "kernels.cu"

namespace fp_host {

struct Range {
    uint64_t base;
    int64_t bytes;
};

// One kernel: how to run a grid of threads, and which memory a launch touches.
struct Kernel {
    const char *name;
    size_t params_size;
    void (*run)(int32_t threads_x, int32_t threads_y, const void *params);
    int (*ranges)(const void *params, Range *out); // at most max_ranges
};

constexpr int max_ranges = 8;

// Bytes from the first to the last of rows of row_bytes.
inline int64_t span(int64_t rows, int64_t pitch, int64_t row_bytes) {
    return rows > 0 ? (rows - 1) * pitch + row_bytes : 0;
}

inline int source_ranges(const fp_picture &p, int32_t depth, Range *out) {
    int64_t sample = depth / 8;
    out[0] = {p.luma, span(p.height, p.luma_pitch, p.width * sample)};
    if (p.chroma == 0) {
        return 1;
    }
    out[1] = {p.chroma, span((p.height + 1) / 2, p.chroma_pitch, (p.width + 1) / 2 * 2 * sample)};
    return 2;
}

inline int ranges(const fp_nv12_to_rgb_params &p, Range *out) {
    int n = source_ranges(p.view.source, p.view.source.depth, out);
    bool planar = p.layout == FP_RGB_PLANAR;
    for (int k = 0; k < (planar ? 3 : 1); k++) {
        out[n++] = {p.out[k], span(p.view.height, p.pitch, p.view.width * (planar ? 1 : 3))};
    }
    return n;
}

inline int ranges(const fp_nv12_to_jfif420_params &p, Range *out) {
    int n = source_ranges(p.view.source, p.view.source.depth, out);
    bool planar = p.layout == FP_CHROMA_PLANAR;
    int64_t rows = (p.view.height + 1) / 2, pairs = (p.view.width + 1) / 2;
    out[n++] = {p.out[0], span(p.view.height, p.luma_pitch, p.view.width)};
    for (int k = 1; k < (planar ? 3 : 2); k++) {
        out[n++] = {p.out[k], span(rows, p.chroma_pitch, pairs * (planar ? 1 : 2))};
    }
    return n;
}

inline int ranges(const fp_nv12_gray8_params &p, Range *out) {
    int n = source_ranges(p.view.source, p.view.source.depth, out);
    out[n++] = {p.out, span(p.view.height, p.pitch, p.view.width)};
    return n;
}

template <class Params> int nv12_ranges(const Params &p, int32_t depth, Range *out) {
    int n = source_ranges(p.view.source, depth, out);
    out[n++] = {p.luma, span(p.view.height, p.luma_pitch, p.view.width)};
    out[n++] = {p.chroma, span((p.view.height + 1) / 2, p.chroma_pitch, (p.view.width + 1) / 2 * 2)};
    return n;
}

inline int ranges(const fp_resize_nv12_params &p, Range *out) { return nv12_ranges(p, p.view.source.depth, out); }

inline int ranges(const fp_nv12_to_tensor_params &p, Range *out) {
    int n = source_ranges(p.view.source, p.view.source.depth, out);
    int64_t element = p.type == FP_TENSOR_FP32 ? 4 : p.type == FP_TENSOR_FP16 ? 2 : 1;
    bool planar = p.layout == FP_TENSOR_NCHW;
    int64_t row = planar ? p.view.width : 3 * p.view.width;
    int64_t last = (int64_t)(p.view.height - 1) * p.row_stride + row + (planar ? 2 * p.plane_stride : 0);
    out[n++] = {p.out, last * element};
    return n;
}

inline int ranges(const fp_hash64_params &p, Range *out) {
    fp_picture luma = p.source;
    luma.chroma = 0;
    int n = source_ranges(luma, p.source.depth, out);
    out[n++] = {p.out, 8};
    return n;
}

template <class Params, void (*Body)(Params)>
void run(int32_t threads_x, int32_t threads_y, const void *params) {
    Params p;
    std::memcpy(&p, params, sizeof p);
    for (int32_t y = 0; y < threads_y; y++) {
        for (int32_t x = 0; x < threads_x; x++) {
            fp_thread = {x, y};
            Body(p);
        }
    }
}

template <class Params> int any_ranges(const void *params, Range *out) {
    Params p;
    std::memcpy(&p, params, sizeof p);
    return ranges(p, out);
}

template <int32_t Depth> int copy_ranges(const void *params, Range *out) {
    fp_copy_nv12_params p;
    std::memcpy(&p, params, sizeof p);
    return nv12_ranges(p, Depth, out);
}

template <class Params, void (*Body)(Params)> constexpr Kernel kernel(const char *name) {
    return {name, sizeof(Params), run<Params, Body>, any_ranges<Params>};
}

inline const Kernel all[] = {
    kernel<fp_nv12_to_rgb_params, fp_nv12_to_rgb>("fp_nv12_to_rgb"),
    kernel<fp_nv12_to_jfif420_params, fp_nv12_to_jfif420>("fp_nv12_to_jfif420"),
    kernel<fp_nv12_gray8_params, fp_nv12_gray8>("fp_nv12_gray8"),
    {"fp_copy_nv12", sizeof(fp_copy_nv12_params), run<fp_copy_nv12_params, fp_copy_nv12>, copy_ranges<8>},
    {"fp_p016_to_nv12", sizeof(fp_copy_nv12_params), run<fp_copy_nv12_params, fp_p016_to_nv12>, copy_ranges<16>},
    kernel<fp_resize_nv12_params, fp_resize_nv12>("fp_resize_nv12"),
    kernel<fp_nv12_to_tensor_params, fp_nv12_to_tensor>("fp_nv12_to_tensor"),
    kernel<fp_hash64_params, fp_hash64>("fp_hash64"),
};

inline const Kernel *find(const char *name) {
    for (const Kernel &k : all) {
        if (std::strcmp(k.name, name) == 0) {
            return &k;
        }
    }
    return nullptr;
}

} // namespace fp_host

#endif
