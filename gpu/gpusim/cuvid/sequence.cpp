#include "sequence.h"

#include <algorithm>

#include "picture.h"
#include "vpx.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace sim {

namespace {

cudaVideoChromaFormat chroma_of(const AVPixFmtDescriptor *d) {
    if (d->nb_components == 1) {
        return cudaVideoChromaFormat_Monochrome;
    }
    if (d->log2_chroma_w == 0) {
        return cudaVideoChromaFormat_444;
    }
    return d->log2_chroma_h == 0 ? cudaVideoChromaFormat_422 : cudaVideoChromaFormat_420;
}

} // namespace

bool probe(cudaVideoCodec codec, const uint8_t *data, size_t size, Sequence *out) {
    PictureDecoder decoder(codec, true);
    DecodeStatus status = status_error;
    Picture picture = decoder.decode(data, size, &status);
    const AVPixFmtDescriptor *d = picture ? av_pix_fmt_desc_get(static_cast<AVPixelFormat>(picture->format)) : nullptr;
    if (!d) {
        return false;
    }
    const AVCodecContext *c = decoder.context();
    CUVIDEOFORMAT f = {};
    f.codec = codec;
    f.frame_rate.numerator = static_cast<unsigned>(std::max(0, c->framerate.num));
    f.frame_rate.denominator = static_cast<unsigned>(std::max(0, c->framerate.den));
    f.progressive_sequence = !(c->field_order > AV_FIELD_PROGRESSIVE);
    f.bit_depth_luma_minus8 = f.bit_depth_chroma_minus8 = static_cast<unsigned char>(d->comp[0].depth - 8);
    // The coded size comes in whole macroblocks or coding units; the shown size is
    // what is left of it after the crop.
    int coded_w = std::max(c->coded_width, picture->width), coded_h = std::max(c->coded_height, picture->height);
    if (is_vpx(codec)) {
        int block = codec == cudaVideoCodec_VP8 ? 16 : 8;
        coded_w = (coded_w + block - 1) / block * block;
        coded_h = (coded_h + block - 1) / block * block;
    }
    f.coded_width = static_cast<unsigned>(coded_w);
    f.coded_height = static_cast<unsigned>(coded_h);
    f.display_area.left = static_cast<int>(picture->crop_left);
    f.display_area.top = static_cast<int>(picture->crop_top);
    f.display_area.right = f.display_area.left + c->width;
    f.display_area.bottom = f.display_area.top + c->height;
    f.chroma_format = chroma_of(d);
    f.display_aspect_ratio.x = c->width * std::max(1, c->sample_aspect_ratio.num);
    f.display_aspect_ratio.y = c->height * std::max(1, c->sample_aspect_ratio.den);
    bool full = c->color_range == AVCOL_RANGE_JPEG;
    f.video_signal_description.video_format = 5;
    f.video_signal_description.video_full_range_flag = full ? 1 : 0;
    f.video_signal_description.color_primaries = static_cast<unsigned char>(c->color_primaries);
    f.video_signal_description.transfer_characteristics = static_cast<unsigned char>(c->color_trc);
    f.video_signal_description.matrix_coefficients = static_cast<unsigned char>(c->colorspace);
    out->reorder = c->has_b_frames;
    int references = codec == cudaVideoCodec_VP9 ? 8 : codec == cudaVideoCodec_VP8 ? 3 : c->refs;
    int buffered = std::max(references, out->reorder);
    f.min_num_decode_surfaces = static_cast<unsigned char>(std::clamp(buffered + 3, 4, 20));
    out->format = f;
    return true;
}

} // namespace sim
