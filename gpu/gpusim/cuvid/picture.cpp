#include "picture.h"

namespace sim {

AVCodecID codec_id(cudaVideoCodec codec) {
    switch (codec) {
    case cudaVideoCodec_H264:
        return AV_CODEC_ID_H264;
    case cudaVideoCodec_HEVC:
        return AV_CODEC_ID_HEVC;
    case cudaVideoCodec_JPEG:
        return AV_CODEC_ID_MJPEG;
    case cudaVideoCodec_VP8:
        return AV_CODEC_ID_VP8;
    case cudaVideoCodec_VP9:
        return AV_CODEC_ID_VP9;
    case cudaVideoCodec_MPEG4:
        return AV_CODEC_ID_MPEG4;
    default:
        return AV_CODEC_ID_NONE;
    }
}

PictureDecoder::PictureDecoder(cudaVideoCodec codec, bool strict) : codec_(codec) {
    const AVCodec *c = avcodec_find_decoder(codec_id(codec));
    if (!c) {
        return;
    }
    av_log_set_level(AV_LOG_QUIET); // broken pictures are the test's intention
    context_ = avcodec_alloc_context3(c);
    packet_ = av_packet_alloc();
    shown_ = av_frame_alloc();
    context_->thread_count = 1;
    context_->opaque = this;
    context_->get_buffer2 = get_buffer;
    context_->apply_cropping = 0; // the caller says what is shown
    if (strict) {
        context_->strict_std_compliance = FF_COMPLIANCE_STRICT;
    } else {
        context_->flags |= AV_CODEC_FLAG_LOW_DELAY;
    }
    if (avcodec_open2(context_, c, nullptr) < 0) {
        avcodec_free_context(&context_);
    }
}

PictureDecoder::~PictureDecoder() {
    avcodec_free_context(&context_);
    av_packet_free(&packet_);
    av_frame_free(&shown_);
}

int PictureDecoder::get_buffer(AVCodecContext *context, AVFrame *frame, int flags) {
    int result = avcodec_default_get_buffer2(context, frame, flags);
    if (result >= 0) {
        AVFrame *copy = av_frame_clone(frame);
        if (copy) {
            Picture p(copy, [](AVFrame *f) { av_frame_free(&f); });
            static_cast<PictureDecoder *>(context->opaque)->begun_.push_back(std::move(p));
        }
    }
    return result;
}

Picture PictureDecoder::decode(const uint8_t *data, size_t size, DecodeStatus *status) {
    *status = status_error;
    if (!context_ || av_new_packet(packet_, static_cast<int>(size)) < 0) {
        return nullptr;
    }
    std::copy(data, data + size, packet_->data);
    begun_.clear();
    bool failed = avcodec_send_packet(context_, packet_) < 0;
    av_packet_unref(packet_);
    // Frames that are missing get buffers as well: H.264 asks for them before the
    // picture's own, the others after it.
    std::vector<Picture> begun;
    begun.swap(begun_);
    Picture own;
    if (!begun.empty()) {
        own = codec_ == cudaVideoCodec_H264 ? begun.back() : begun.front();
    }
    bool damaged = false;
    while (avcodec_receive_frame(context_, shown_) >= 0) {
        bool same = own && shown_->buf[0] && shown_->buf[0]->data == own->buf[0]->data;
        damaged = damaged || (same && shown_->decode_error_flags != 0);
        if (same) {
            own->crop_left = shown_->crop_left;
            own->crop_top = shown_->crop_top;
            own->crop_right = shown_->crop_right;
            own->crop_bottom = shown_->crop_bottom;
        }
        av_frame_unref(shown_);
    }
    begun_.clear();
    if (own) {
        *status = failed || damaged ? status_concealed : status_success;
    } else if (!failed) {
        *status = status_success; // a second field
    }
    return own;
}

} // namespace sim
