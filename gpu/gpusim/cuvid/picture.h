// Decoding of single pictures with libavcodec.
//
// NVDEC decodes a picture when it is told to and shows pictures in any order;
// libavcodec hands them out in display order, late. But it asks for the buffer of a
// picture when it begins it, and with one thread the picture is in that buffer when
// the call returns. So the buffers are what is kept.
#ifndef FP_GPUSIM_PICTURE_H
#define FP_GPUSIM_PICTURE_H

#include <memory>
#include <vector>

#include "fp_cuda.h"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace sim {

using Picture = std::shared_ptr<AVFrame>;

enum DecodeStatus { status_invalid = 0, status_in_progress = 1, status_success = 2, status_error = 8, status_concealed = 9 };

AVCodecID codec_id(cudaVideoCodec codec);

class PictureDecoder {
public:
    // strict asks for the reorder depth that a decoder must assume when the stream
    // does not say: what the parser of the driver does.
    PictureDecoder(cudaVideoCodec codec, bool strict);
    ~PictureDecoder();
    PictureDecoder(const PictureDecoder &) = delete;
    PictureDecoder &operator=(const PictureDecoder &) = delete;

    bool ready() const { return context_ != nullptr; }
    // Decodes one picture. It is NULL for a second field, which goes into the buffer
    // of the first, and for what is too broken to begin.
    Picture decode(const uint8_t *data, size_t size, DecodeStatus *status);
    const AVCodecContext *context() const { return context_; }

private:
    static int get_buffer(AVCodecContext *context, AVFrame *frame, int flags);

    AVCodecContext *context_ = nullptr;
    AVPacket *packet_ = nullptr;
    AVFrame *shown_ = nullptr;
    cudaVideoCodec codec_;
    std::vector<Picture> begun_; // buffers asked for during this call
};

} // namespace sim

#endif
