#include "run.h"

#include "../host.h"
#include "source.h"

namespace {

struct Layout {
    const char *type;
    size_t size;
    size_t offsets[20];
    int fields;
};

#define AT(type, field) offsetof(type, field)

const Layout layouts[] = {
    {"Picture", sizeof(fp_picture),
     {AT(fp_picture, luma), AT(fp_picture, chroma), AT(fp_picture, luma_pitch), AT(fp_picture, chroma_pitch), AT(fp_picture, width),
      AT(fp_picture, height), AT(fp_picture, depth), AT(fp_picture, reserved)},
     8},
    {"View", sizeof(fp_view),
     {AT(fp_view, source), AT(fp_view, crop), AT(fp_view, inner), AT(fp_view, width), AT(fp_view, height)},
     5},
    {"RGB", sizeof(fp_nv12_to_rgb_params),
     {AT(fp_nv12_to_rgb_params, view), AT(fp_nv12_to_rgb_params, out), AT(fp_nv12_to_rgb_params, table), AT(fp_nv12_to_rgb_params, pitch),
      AT(fp_nv12_to_rgb_params, layout)},
     5},
    {"JFIF420", sizeof(fp_nv12_to_jfif420_params),
     {AT(fp_nv12_to_jfif420_params, view), AT(fp_nv12_to_jfif420_params, out), AT(fp_nv12_to_jfif420_params, table),
      AT(fp_nv12_to_jfif420_params, luma_pitch), AT(fp_nv12_to_jfif420_params, chroma_pitch), AT(fp_nv12_to_jfif420_params, layout)},
     6},
    {"Gray8", sizeof(fp_nv12_gray8_params),
     {AT(fp_nv12_gray8_params, view), AT(fp_nv12_gray8_params, out), AT(fp_nv12_gray8_params, table), AT(fp_nv12_gray8_params, pitch)},
     4},
    {"Copy", sizeof(fp_copy_nv12_params),
     {AT(fp_copy_nv12_params, view), AT(fp_copy_nv12_params, luma), AT(fp_copy_nv12_params, chroma), AT(fp_copy_nv12_params, luma_pitch),
      AT(fp_copy_nv12_params, chroma_pitch)},
     5},
    {"Resize", sizeof(fp_resize_nv12_params),
     {AT(fp_resize_nv12_params, view), AT(fp_resize_nv12_params, luma), AT(fp_resize_nv12_params, chroma),
      AT(fp_resize_nv12_params, luma_pitch), AT(fp_resize_nv12_params, chroma_pitch), AT(fp_resize_nv12_params, filter),
      AT(fp_resize_nv12_params, black)},
     7},
    {"Tensor", sizeof(fp_nv12_to_tensor_params),
     {AT(fp_nv12_to_tensor_params, view), AT(fp_nv12_to_tensor_params, out), AT(fp_nv12_to_tensor_params, plane_stride),
      AT(fp_nv12_to_tensor_params, table), AT(fp_nv12_to_tensor_params, scale), AT(fp_nv12_to_tensor_params, bias),
      AT(fp_nv12_to_tensor_params, pad), AT(fp_nv12_to_tensor_params, row_stride), AT(fp_nv12_to_tensor_params, type),
      AT(fp_nv12_to_tensor_params, layout), AT(fp_nv12_to_tensor_params, bgr), AT(fp_nv12_to_tensor_params, filter)},
     12},
    {"Hash", sizeof(fp_hash64_params), {AT(fp_hash64_params, source), AT(fp_hash64_params, out)}, 2},
};

const Layout *layout_of(const char *type) {
    for (const Layout &l : layouts) {
        if (std::strcmp(l.type, type) == 0) {
            return &l;
        }
    }
    return nullptr;
}

} // namespace

int fp_host_run(const char *name, int32_t threads_x, int32_t threads_y, const void *params) {
    const fp_host::Kernel *k = fp_host::find(name);
    if (!k) {
        return -1;
    }
    k->run(threads_x, threads_y, params);
    return 0;
}

int64_t fp_host_size(const char *type) {
    const Layout *l = layout_of(type);
    return l ? static_cast<int64_t>(l->size) : -1;
}

int64_t fp_host_offset(const char *type, int k) {
    const Layout *l = layout_of(type);
    return l && k >= 0 && k < l->fields ? static_cast<int64_t>(l->offsets[k]) : -1;
}

const char *fp_host_source(void) { return FP_KERNELS_SOURCE; }
