// Decoders: a queue of pictures, decode surfaces, and output surfaces that are mapped.
#include <algorithm>
#include <atomic>

#include "caps.h"
#include "core.h"
#include "picture.h"
#include "surface.h"

namespace sim {

namespace {

constexpr unsigned max_surfaces = 32;
constexpr uint64_t queue_length = 4; // pictures; the call for a further one blocks
constexpr int64_t mib = 1 << 20;

struct Surface {
    Picture picture;
    int status = status_invalid;
    uint64_t ticket = 0; // the engine has done that many pictures when it is ready
};

// A frame that can be mapped: device memory of the driver's own.
struct OutputSurface {
    uint64_t base = 0;
    bool mapped = false;
    std::shared_ptr<Stream> stream; // of the mapping
};

struct Decoder : Object {
    explicit Decoder(Context *c) : Object(Kind::decoder, c) {}
    CUVIDDECODECREATEINFO info = {};
    std::unique_ptr<PictureDecoder> pictures; // used by the engine only
    std::shared_ptr<Stream> engine;
    std::vector<Surface> surfaces;
    std::vector<OutputSurface> outputs;
    int64_t booked = 0;
    int pitch = 0;
    bool busy = false; // a call is at work on it
};

// Two calls at once on one decoder end in a crash of the real driver.
struct Exclusive {
    Exclusive(const std::shared_ptr<Decoder> &d, const char *call) : decoder(d) {
        if (decoder->busy) {
            violation("%s: another call is at work on this decoder", call);
            decoder = nullptr;
            return;
        }
        decoder->busy = true;
    }
    ~Exclusive() {
        if (decoder) {
            decoder->busy = false;
        }
    }
    Exclusive(const Exclusive &) = delete;
    Exclusive &operator=(const Exclusive &) = delete;
    bool failed() const { return !decoder; }
    std::shared_ptr<Decoder> decoder;
};

bool wide(const CUVIDDECODECREATEINFO &i) { return i.OutputFormat == cudaVideoSurfaceFormat_P016; }

int64_t output_bytes(const CUVIDDECODECREATEINFO &i, int pitch) {
    return int64_t{pitch} * static_cast<int64_t>((i.ulTargetHeight + 1) / 2 * 3);
}

// What is booked for the decode surfaces: pictures in whole macroblocks with motion
// data, and something fixed per session.
int64_t session_bytes(const CUVIDDECODECREATEINFO &i) {
    int64_t w = static_cast<int64_t>(i.ulMaxWidth + 15) / 16 * 16, h = static_cast<int64_t>(i.ulMaxHeight + 15) / 16 * 16;
    int64_t picture = w * h * 3 / 2 * (i.bitDepthMinus8 > 0 ? 2 : 1);
    return picture * static_cast<int64_t>(i.ulNumDecodeSurfaces) * 9 / 8 + number("SESSION_MEMORY", 8 * mib);
}

const char *wrong_size(const CUVIDDECODECREATEINFO &i, const CUVIDDECODECAPS &caps) {
    if (i.ulWidth < caps.nMinWidth || i.ulHeight < caps.nMinHeight || i.ulMaxWidth > caps.nMaxWidth || i.ulMaxHeight > caps.nMaxHeight ||
        (i.ulWidth / 16) * (i.ulHeight / 16) > caps.nMaxMBCount) {
        return "the coded size is outside of the capabilities";
    }
    if (i.ulMaxWidth < i.ulWidth || i.ulMaxHeight < i.ulHeight) {
        return "the coded size is larger than the maximum";
    }
    if (i.ulTargetWidth == 0 || i.ulTargetHeight == 0 || i.ulTargetWidth % 2 || i.ulTargetHeight % 2) {
        return "the target size must be even";
    }
    auto &a = i.display_area;
    bool none = !a.left && !a.top && !a.right && !a.bottom;
    if (!none && (a.left < 0 || a.top < 0 || a.right <= a.left || a.bottom <= a.top || a.right > static_cast<long>(i.ulWidth) ||
                  a.bottom > static_cast<long>(i.ulHeight))) {
        return "the display area is outside of the coded picture";
    }
    auto &t = i.target_rect;
    if (t.left < 0 || t.top < 0 || t.right > static_cast<long>(i.ulTargetWidth) || t.bottom > static_cast<long>(i.ulTargetHeight)) {
        return "the target rectangle is outside of the target";
    }
    return nullptr;
}

const char *wrong(const CUVIDDECODECREATEINFO &i, const CUVIDDECODECAPS &caps) {
    if (i.ulNumDecodeSurfaces == 0 || i.ulNumDecodeSurfaces > max_surfaces) {
        return "the number of decode surfaces must be 1 to 32";
    }
    if (i.ulNumOutputSurfaces == 0 || i.ulNumOutputSurfaces > 64) {
        return "the number of output surfaces must be 1 to 64";
    }
    if (!(caps.nOutputFormatMask >> i.OutputFormat & 1)) {
        return "the output format is not among the capabilities";
    }
    if (i.Reserved1 != 0) {
        return "reserved fields must be zero";
    }
    return wrong_size(i, caps);
}

void free_outputs(Decoder *d) {
    for (auto &o : d->outputs) {
        free_block(o.base);
    }
    d->outputs.clear();
}

bool make_outputs(Decoder *d) {
    d->pitch = static_cast<int>((d->info.ulTargetWidth * (wide(d->info) ? 2 : 1) + 511) / 512 * 512);
    for (size_t k = 0; k < d->info.ulNumOutputSurfaces; k++) {
        OutputSurface o;
        o.base = allocate(d->context, output_bytes(d->info, d->pitch), true);
        if (o.base == 0) {
            free_outputs(d);
            return false;
        }
        block_of(o.base)->readable = false;
        d->outputs.push_back(o);
    }
    return true;
}

size_t mapped(const Decoder &d) {
    return static_cast<size_t>(std::count_if(d.outputs.begin(), d.outputs.end(), [](const OutputSurface &o) { return o.mapped; }));
}

Output output_of(const Decoder &d, uint64_t base) {
    auto &i = d.info;
    Output o;
    o.data = reinterpret_cast<uint8_t *>(base);
    o.pitch = d.pitch;
    o.width = static_cast<int>(i.ulTargetWidth);
    o.height = static_cast<int>(i.ulTargetHeight);
    o.wide = wide(i);
    o.source = {i.display_area.left, i.display_area.top, i.display_area.right, i.display_area.bottom};
    if (o.source.width() == 0) {
        o.source = {0, 0, static_cast<int>(i.ulWidth), static_cast<int>(i.ulHeight)};
    }
    o.target = {i.target_rect.left, i.target_rect.top, i.target_rect.right, i.target_rect.bottom};
    if (o.target.width() == 0) {
        o.target = {0, 0, o.width, o.height};
    }
    return o;
}

Surface *surface_of(Decoder *d, int index, const char *call) {
    if (index < 0 || static_cast<size_t>(index) >= d->surfaces.size()) {
        violation("%s: surface %d of %zu", call, index, d->surfaces.size());
        return nullptr;
    }
    return &d->surfaces[static_cast<size_t>(index)];
}

void wait_decoded(Lock &lock, const std::shared_ptr<Decoder> &d, uint64_t ticket) {
    d->engine->progress.wait(lock, [&] { return d->engine->completed >= ticket; });
}

} // namespace

FP_EXPORT CUresult cuvidCreateDecoder(CUvideodecoder *decoder, CUVIDDECODECREATEINFO *info) {
    Call call("cuvidCreateDecoder");
    if (call.failed()) {
        return call.result;
    }
    CUVIDDECODECREATEINFO i = *info;
    i.ulMaxWidth = i.ulMaxWidth ? i.ulMaxWidth : i.ulWidth;
    i.ulMaxHeight = i.ulMaxHeight ? i.ulMaxHeight : i.ulHeight;
    CUVIDDECODECAPS caps = {};
    caps.eCodecType = i.CodecType;
    caps.eChromaFormat = i.ChromaFormat;
    caps.nBitDepthMinus8 = static_cast<unsigned>(i.bitDepthMinus8);
    fill_caps(&caps);
    if (!caps.bIsSupported) {
        return FP_CUDA_ERROR_NOT_SUPPORTED;
    }
    if (const char *what = wrong(i, caps)) {
        violation("cuvidCreateDecoder: %s", what);
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    auto d = std::make_shared<Decoder>(call.ctx);
    d->info = i;
    d->pictures = std::make_unique<PictureDecoder>(i.CodecType, false);
    if (!d->pictures->ready()) {
        return FP_CUDA_ERROR_NOT_SUPPORTED;
    }
    d->booked = session_bytes(i);
    if (!reserve(call.ctx->device, d->booked)) {
        return FP_CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (!make_outputs(d.get())) {
        release(call.ctx->device, d->booked);
        return FP_CUDA_ERROR_OUT_OF_MEMORY;
    }
    d->surfaces.resize(i.ulNumDecodeSurfaces);
    d->engine = make_stream(call.ctx);
    *decoder = handle_of<CUvideodecoder>(add(d));
    return ok;
}

FP_EXPORT CUresult cuvidDestroyDecoder(CUvideodecoder decoder) {
    Call call("cuvidDestroyDecoder");
    if (call.failed()) {
        return call.result;
    }
    auto d = find<Decoder>(decoder, Kind::decoder, call.name);
    if (!d) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    Exclusive use(d, call.name);
    if (use.failed()) {
        return CUDA_ERROR_UNKNOWN;
    }
    if (size_t n = mapped(*d)) {
        violation("cuvidDestroyDecoder: %zu frames are still mapped", n);
        count_live(Kind::frame, -static_cast<int64_t>(n));
    }
    remove(d->id);
    wait_context(call.lock, call.ctx);
    free_outputs(d.get());
    release(call.ctx->device, d->booked);
    return ok;
}

FP_EXPORT CUresult cuvidDecodePicture(CUvideodecoder decoder, CUVIDPICPARAMS *params) {
    Call call("cuvidDecodePicture");
    if (call.failed()) {
        return call.result;
    }
    auto d = find<Decoder>(decoder, Kind::decoder, call.name);
    if (!d) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    Exclusive use(d, call.name);
    Surface *s = use.failed() ? nullptr : surface_of(d.get(), params->CurrPicIdx, call.name);
    if (!s) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    auto &e = d->engine;
    e->progress.wait(call.lock, [&] { return e->submitted - e->completed < queue_length; });
    int fault = inject("decode_status");
    bool second = params->second_field != 0;
    std::vector<uint8_t> data(params->pBitstreamData, params->pBitstreamData + params->nBitstreamDataLen);
    s->status = status_in_progress;
    Decoder *raw = d.get();
    std::shared_ptr<Decoder> keep = d;
    Op op;
    op.slow = true;
    op.run = [raw, keep, s, fault, second, data = std::move(data)] {
        DecodeStatus status = status_error;
        Picture picture = raw->pictures->decode(data.data(), data.size(), &status);
        Lock lock(mutex());
        if (picture || !second) {
            s->picture = std::move(picture);
        }
        if (!s->picture) {
            status = status_error;
        }
        s->status = fault ? fault : status;
    };
    submit(e, std::move(op));
    s->ticket = e->submitted;
    return ok;
}

FP_EXPORT CUresult cuvidGetDecodeStatus(CUvideodecoder decoder, int index, CUVIDGETDECODESTATUS *status) {
    Call call("cuvidGetDecodeStatus");
    if (call.failed()) {
        return call.result;
    }
    auto d = find<Decoder>(decoder, Kind::decoder, call.name);
    if (!d) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    auto codec = d->info.CodecType;
    if (codec != cudaVideoCodec_H264 && codec != cudaVideoCodec_HEVC && codec != cudaVideoCodec_JPEG) {
        return FP_CUDA_ERROR_NOT_SUPPORTED;
    }
    Surface *s = surface_of(d.get(), index, call.name);
    if (!s) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    status->decodeStatus = static_cast<cuvidDecodeStatus>(s->status);
    return ok;
}

FP_EXPORT CUresult cuvidMapVideoFrame64(CUvideodecoder decoder, int index, unsigned long long *address, unsigned int *pitch,
                                        CUVIDPROCPARAMS *params) {
    Call call("cuvidMapVideoFrame64");
    if (call.failed()) {
        return call.result;
    }
    auto d = find<Decoder>(decoder, Kind::decoder, call.name);
    if (!d) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    Exclusive use(d, call.name);
    Surface *s = use.failed() ? nullptr : surface_of(d.get(), index, call.name);
    if (!s) {
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    auto stream = stream_of(params->output_stream, call.name);
    if (!stream) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    if (s->status == status_invalid) {
        violation("cuvidMapVideoFrame64: nothing was decoded into surface %d", index);
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    auto free = std::find_if(d->outputs.begin(), d->outputs.end(), [](const OutputSurface &o) { return !o.mapped; });
    if (free == d->outputs.end()) {
        violation("cuvidMapVideoFrame64: all %zu output surfaces are mapped", d->outputs.size());
        return FP_CUDA_ERROR_ALREADY_MAPPED;
    }
    wait_decoded(call.lock, d, s->ticket);
    if (call.ctx->sticky) {
        return code(call.ctx->sticky);
    }
    free->mapped = true;
    free->stream = stream;
    block_of(free->base)->readable = true;
    count_live(Kind::frame, 1);
    Output out = output_of(*d, free->base);
    Picture picture = s->picture;
    std::shared_ptr<Decoder> keep = d;
    Op op;
    op.slow = true;
    op.run = [out, picture, keep] { post_process(picture.get(), out); };
    submit(stream, std::move(op));
    *address = free->base;
    *pitch = static_cast<unsigned>(d->pitch);
    return ok;
}

FP_EXPORT CUresult cuvidUnmapVideoFrame64(CUvideodecoder decoder, unsigned long long address) {
    Call call("cuvidUnmapVideoFrame64");
    if (call.failed()) {
        return call.result;
    }
    auto d = find<Decoder>(decoder, Kind::decoder, call.name);
    if (!d) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    auto o = std::find_if(d->outputs.begin(), d->outputs.end(), [&](const OutputSurface &s) { return s.mapped && s.base == address; });
    if (o == d->outputs.end()) {
        violation("cuvidUnmapVideoFrame64: %#llx is not mapped", address);
        return FP_CUDA_ERROR_UNMAP_FAILED;
    }
    o->mapped = false;
    block_of(o->base)->readable = false;
    count_live(Kind::frame, -1);
    // In the order of the stream of the mapping: whoever reads on another stream
    // without waiting finds this.
    auto *at = reinterpret_cast<uint8_t *>(o->base);
    auto size = static_cast<size_t>(output_bytes(d->info, d->pitch));
    std::shared_ptr<Decoder> keep = d;
    Op op;
    op.run = [at, size, keep] { std::fill_n(at, size, unmapped_byte); };
    submit(o->stream, std::move(op));
    o->stream = nullptr;
    return ok;
}

FP_EXPORT CUresult cuvidReconfigureDecoder(CUvideodecoder decoder, CUVIDRECONFIGUREDECODERINFO *r) {
    Call call("cuvidReconfigureDecoder");
    if (call.failed()) {
        return call.result;
    }
    auto d = find<Decoder>(decoder, Kind::decoder, call.name);
    if (!d) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    Exclusive use(d, call.name);
    if (use.failed()) {
        return CUDA_ERROR_UNKNOWN;
    }
    if (mapped(*d)) {
        violation("cuvidReconfigureDecoder: frames are still mapped");
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    CUVIDDECODECREATEINFO i = d->info;
    i.ulWidth = r->ulWidth;
    i.ulHeight = r->ulHeight;
    i.ulTargetWidth = r->ulTargetWidth;
    i.ulTargetHeight = r->ulTargetHeight;
    i.ulNumDecodeSurfaces = r->ulNumDecodeSurfaces;
    i.display_area = {r->display_area.left, r->display_area.top, r->display_area.right, r->display_area.bottom};
    i.target_rect = {r->target_rect.left, r->target_rect.top, r->target_rect.right, r->target_rect.bottom};
    CUVIDDECODECAPS caps = {};
    caps.eCodecType = i.CodecType;
    caps.eChromaFormat = i.ChromaFormat;
    caps.nBitDepthMinus8 = static_cast<unsigned>(i.bitDepthMinus8);
    fill_caps(&caps);
    if (const char *what = wrong(i, caps)) {
        violation("cuvidReconfigureDecoder: %s", what);
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    wait_context(call.lock, call.ctx);
    CUVIDDECODECREATEINFO before = d->info;
    release(call.ctx->device, d->booked);
    free_outputs(d.get());
    d->info = i;
    bool fits = reserve(call.ctx->device, session_bytes(i));
    if (fits && !make_outputs(d.get())) {
        release(call.ctx->device, session_bytes(i));
        fits = false;
    }
    if (!fits) { // what was there before fits again
        d->info = before;
        reserve(call.ctx->device, d->booked);
        make_outputs(d.get());
        return FP_CUDA_ERROR_OUT_OF_MEMORY;
    }
    d->booked = session_bytes(i);
    d->surfaces.assign(i.ulNumDecodeSurfaces, Surface{});
    return ok;
}

namespace {

struct ContextLock : Object {
    explicit ContextLock(Context *c) : Object(Kind::lock, c) {}
    std::recursive_mutex held;
};

} // namespace

FP_EXPORT CUresult cuvidCtxLockCreate(CUvideoctxlock *lock, CUcontext) {
    Call call("cuvidCtxLockCreate");
    if (!call.failed()) {
        *lock = handle_of<CUvideoctxlock>(add(std::make_shared<ContextLock>(call.ctx)));
    }
    return call.result;
}

FP_EXPORT CUresult cuvidCtxLockDestroy(CUvideoctxlock lock) {
    Call call("cuvidCtxLockDestroy");
    auto l = call.failed() ? nullptr : find<ContextLock>(lock, Kind::lock, call.name);
    if (!l) {
        return call.failed() ? call.result : FP_CUDA_ERROR_INVALID_HANDLE;
    }
    remove(l->id);
    return ok;
}

} // namespace sim
