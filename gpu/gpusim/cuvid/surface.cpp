#include "surface.h"

#include <algorithm>
#include <cstring>

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace sim {

namespace {

// One plane of a picture, with samples of any depth as 16-bit codes.
struct Plane {
    const uint8_t *data;
    int pitch, width, height, depth;

    int at(int x, int y) const {
        x = std::clamp(x, 0, width - 1);
        y = std::clamp(y, 0, height - 1);
        if (depth == 8) {
            return data[static_cast<ptrdiff_t>(y) * pitch + x] << 8;
        }
        uint16_t v;
        std::memcpy(&v, data + static_cast<ptrdiff_t>(y) * pitch + 2 * x, 2);
        return v << (16 - depth);
    }
};

Plane plane_of(const AVFrame *f, const AVPixFmtDescriptor *d, int i) {
    int w = i ? AV_CEIL_RSHIFT(f->width, d->log2_chroma_w) : f->width;
    int h = i ? AV_CEIL_RSHIFT(f->height, d->log2_chroma_h) : f->height;
    return {f->data[i], f->linesize[i], w, h, d->comp[0].depth};
}

void store(const Output &o, uint8_t *row, int x, int code) {
    if (o.wide) {
        auto v = static_cast<uint16_t>(code);
        std::memcpy(row + 2 * x, &v, 2);
    } else {
        row[x] = static_cast<uint8_t>(std::min((code + 128) >> 8, 255));
    }
}

// A grid of w x h samples over part of a plane: exact where the sizes are equal,
// bilinear otherwise. What the hardware's filter does exactly is not documented.
struct Grid {
    Plane plane;
    double left, top, width, height;
    int w, h;

    int sample(int x, int y) const {
        if (width == w && height == h) {
            return plane.at(static_cast<int>(left) + x, static_cast<int>(top) + y);
        }
        double fx = std::clamp((x + .5) * width / w - .5, 0.0, width - 1) + left;
        double fy = std::clamp((y + .5) * height / h - .5, 0.0, height - 1) + top;
        int x0 = static_cast<int>(fx), y0 = static_cast<int>(fy);
        double ax = fx - x0, ay = fy - y0;
        double a = plane.at(x0, y0) * (1 - ax) + plane.at(x0 + 1, y0) * ax;
        double b = plane.at(x0, y0 + 1) * (1 - ax) + plane.at(x0 + 1, y0 + 1) * ax;
        return static_cast<int>(a * (1 - ay) + b * ay + .5);
    }
};

void fill(const Output &o, uint8_t *base, int rows, int per_row, int code) {
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < per_row; x++) {
            store(o, base + static_cast<ptrdiff_t>(y) * o.pitch, x, code);
        }
    }
}

bool covers(const Output &o) {
    return o.target.left == 0 && o.target.top == 0 && o.target.right == o.width && o.target.bottom == o.height;
}

} // namespace

void post_process(const AVFrame *picture, const Output &o) {
    uint8_t *luma = o.data, *chroma = o.data + static_cast<ptrdiff_t>(o.pitch) * ((o.height + 1) & ~1);
    int chroma_rows = (o.height + 1) / 2, chroma_columns = (o.width + 1) / 2;
    const AVPixFmtDescriptor *d = picture ? av_pix_fmt_desc_get(static_cast<AVPixelFormat>(picture->format)) : nullptr;
    if (!d || !covers(o)) {
        fill(o, luma, o.height, o.width, d ? 0x1000 : 0x8000);
        fill(o, chroma, chroma_rows, 2 * chroma_columns, 0x8000);
    }
    if (!d) {
        return;
    }
    const Box &s = o.source, &t = o.target;
    Grid y{plane_of(picture, d, 0), double(s.left), double(s.top), double(s.width()), double(s.height()), t.width(), t.height()};
    bool plain = !o.wide && y.plane.depth == 8 && s.width() == t.width() && s.height() == t.height();
    for (int row = 0; row < t.height(); row++) {
        uint8_t *out = luma + static_cast<ptrdiff_t>(t.top + row) * o.pitch;
        if (plain && s.right <= y.plane.width && s.top + row < y.plane.height) {
            std::memcpy(out + t.left, y.plane.data + static_cast<ptrdiff_t>(s.top + row) * y.plane.pitch + s.left, static_cast<size_t>(t.width()));
            continue;
        }
        for (int x = 0; x < t.width(); x++) {
            store(o, out, t.left + x, y.sample(x, row));
        }
    }
    if (d->nb_components < 3) {
        fill(o, chroma, chroma_rows, 2 * chroma_columns, 0x8000);
        return;
    }
    int w = (t.width() + 1) / 2, h = (t.height() + 1) / 2;
    int sw = 1 << d->log2_chroma_w, sh = 1 << d->log2_chroma_h;
    double cw = (s.width() + sw - 1) / sw, ch = (s.height() + sh - 1) / sh;
    Grid cb{plane_of(picture, d, 1), double(s.left / sw), double(s.top / sh), cw, ch, w, h};
    Grid cr{plane_of(picture, d, 2), double(s.left / sw), double(s.top / sh), cw, ch, w, h};
    for (int row = 0; row < h; row++) {
        uint8_t *out = chroma + static_cast<ptrdiff_t>(t.top / 2 + row) * o.pitch;
        for (int x = 0; x < w; x++) {
            store(o, out, 2 * (t.left / 2 + x), cb.sample(x, row));
            store(o, out, 2 * (t.left / 2 + x) + 1, cr.sample(x, row));
        }
    }
}

} // namespace sim
