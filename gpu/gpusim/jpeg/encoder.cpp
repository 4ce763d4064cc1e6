// nvJPEG's encoder on libjpeg-turbo. Encoding is work on a stream, like everything.
//
// Stricter than the real one, which allows some of this and fails in other ways: a
// state stays on the stream it was created for and encodes one picture at a time, and
// the length is asked for only after the stream has been waited for.
#include <cstring>

#include <turbojpeg.h>

#include "core.h"
#include "nvjpeg.h"

namespace sim {

namespace {

constexpr int64_t mib = 1 << 20;
constexpr int smallest_side = 32; // below it EncodeYUV is known to fail

struct Handle : Object {
    explicit Handle(Context *c) : Object(Kind::jpeg_handle, c) {}
};

// What is made from a handle holds it for as long as it lives.
struct Params : Object {
    Params(Context *c, std::shared_ptr<Handle> h) : Object(Kind::jpeg_params, c), handle(std::move(h)) {}
    const std::shared_ptr<Handle> handle;
    int quality = 70;
    int sampling = jpeg_444;
    bool progressive = false, optimized = false;
};

struct State : Object {
    State(Context *c, std::shared_ptr<Handle> h, std::shared_ptr<Stream> s)
        : Object(Kind::jpeg_state, c), handle(std::move(h)), stream(std::move(s)) {}
    ~State() override {
        if (turbo) {
            tjDestroy(turbo);
        }
    }
    const std::shared_ptr<Handle> handle;
    const std::shared_ptr<Stream> stream;
    tjhandle turbo = tjInitCompress();
    std::vector<unsigned char> bytes; // of the last picture
    uint64_t ticket = 0;              // of the stream's work that makes it
    bool began = false, failed = false;
    int64_t booked = 0;
};

int64_t handle_bytes() { return number("JPEG_HANDLE_MEMORY", 16 * mib); }
int64_t state_bytes() { return number("JPEG_STATE_MEMORY", 40 * mib); }

// CUDA's errors as nvJPEG reports them.
int jpeg_error(CUresult r) { return r == FP_CUDA_ERROR_OUT_OF_MEMORY ? jpeg_allocator_failure : jpeg_execution_failed; }

// nvJPEG's own faults are injected with its own codes, which are all below 100.
int failure(const Call &call) {
    int v = static_cast<int>(call.result);
    return v > 0 && v <= jpeg_incomplete ? v : jpeg_error(call.result);
}

int turbo_sampling(int sampling) {
    switch (sampling) {
    case jpeg_444:
        return TJSAMP_444;
    case jpeg_422:
        return TJSAMP_422;
    case jpeg_420:
        return TJSAMP_420;
    case jpeg_gray:
        return TJSAMP_GRAY;
    default:
        return -1;
    }
}

// One picture to encode, everything by value.
struct Job {
    Context *context;
    std::shared_ptr<State> state;
    nvjpegImage image;
    int width, height, quality, sampling, flags;
    int format; // of turbojpeg's pixels, -1 for planes
};

bool planes_valid(const Job &j, bool at_launch) {
    int planes = j.format >= 0 || j.sampling == TJSAMP_GRAY ? 1 : 3;
    for (int k = 0; k < planes; k++) {
        int64_t w = j.format >= 0 ? 3 * j.width : tjPlaneWidth(k, j.width, j.sampling);
        int64_t h = j.format >= 0 ? j.height : tjPlaneHeight(k, j.height, j.sampling);
        // turbojpeg's planes are padded to its units; what must be there is not.
        if (j.format < 0 && k > 0) {
            w = j.sampling == TJSAMP_444 ? j.width : (j.width + 1) / 2;
            h = j.sampling == TJSAMP_420 ? (j.height + 1) / 2 : j.height;
        } else if (j.format < 0) {
            w = j.width;
            h = j.height;
        }
        auto pitch = static_cast<int64_t>(j.image.pitch[k]);
        auto at = reinterpret_cast<uint64_t>(j.image.channel[k]);
        if (pitch < w || !in_device_memory(j.context, at, (h - 1) * pitch + w, at_launch)) {
            return false;
        }
    }
    return true;
}

// Copies a plane to the size that turbojpeg wants, repeating the last sample.
std::vector<unsigned char> padded(const unsigned char *data, size_t pitch, int w, int h, int pw, int ph) {
    std::vector<unsigned char> out(static_cast<size_t>(pw) * static_cast<size_t>(ph));
    for (int y = 0; y < ph; y++) {
        const unsigned char *row = data + static_cast<size_t>(std::min(y, h - 1)) * pitch;
        for (int x = 0; x < pw; x++) {
            out[static_cast<size_t>(y) * static_cast<size_t>(pw) + static_cast<size_t>(x)] = row[std::min(x, w - 1)];
        }
    }
    return out;
}

void encode(const Job &j) {
    {
        Lock lock(mutex());
        if (j.context->sticky || !planes_valid(j, false)) {
            poison(j.context, 700);
            j.state->failed = true;
            return;
        }
    }
    unsigned char *out = nullptr;
    unsigned long size = 0;
    int result;
    if (j.format >= 0) {
        result = tjCompress2(j.state->turbo, j.image.channel[0], j.width, static_cast<int>(j.image.pitch[0]), j.height, j.format, &out, &size,
                             j.sampling, j.quality, j.flags);
    } else {
        std::vector<unsigned char> planes[3];
        const unsigned char *pointers[3] = {};
        int strides[3] = {};
        for (int k = 0; k < (j.sampling == TJSAMP_GRAY ? 1 : 3); k++) {
            int pw = tjPlaneWidth(k, j.width, j.sampling), ph = tjPlaneHeight(k, j.height, j.sampling);
            int w = k == 0 ? j.width : j.sampling == TJSAMP_444 ? j.width : (j.width + 1) / 2;
            int h = k == 0 ? j.height : j.sampling == TJSAMP_420 ? (j.height + 1) / 2 : j.height;
            planes[k] = padded(j.image.channel[k], j.image.pitch[k], w, h, pw, ph);
            pointers[k] = planes[k].data();
            strides[k] = pw;
        }
        result = tjCompressFromYUVPlanes(j.state->turbo, pointers, j.width, strides, j.height, j.sampling, &out, &size, j.quality, j.flags);
    }
    Lock lock(mutex());
    j.state->failed = result != 0;
    if (result == 0) {
        j.state->bytes.assign(out, out + size);
    }
    tjFree(out);
}

int start(Call &call, nvjpegHandle_t handle, nvjpegEncoderState_t state, nvjpegEncoderParams_t params, const nvjpegImage *image, int sampling,
          int format, int width, int height, CUstream stream) {
    auto h = find<Handle>(handle, Kind::jpeg_handle, call.name);
    auto s = find<State>(state, Kind::jpeg_state, call.name);
    auto p = find<Params>(params, Kind::jpeg_params, call.name);
    auto on = stream_of(stream, call.name);
    if (!h || !s || !p || !on) {
        return jpeg_invalid_parameter;
    }
    if (on != s->stream) {
        violation("%s: the state was created for another stream", call.name);
        return jpeg_execution_failed;
    }
    if (s->began && s->stream->completed < s->ticket) {
        violation("%s: the state still encodes the picture before", call.name);
        return jpeg_execution_failed;
    }
    if (width < smallest_side || height < smallest_side) {
        return jpeg_internal_error;
    }
    Job j{call.ctx, s, *image, width, height, p->quality, turbo_sampling(p->sampling), 0, format};
    j.flags = TJFLAG_ACCURATEDCT | (p->progressive ? TJFLAG_PROGRESSIVE : 0);
    if (j.sampling < 0 || (format < 0 && sampling != p->sampling)) {
        return jpeg_not_supported; // the real one resamples
    }
    if (!planes_valid(j, true)) {
        violation("%s: the planes are not within a living allocation of this context", call.name);
        return jpeg_invalid_parameter;
    }
    s->began = true;
    s->failed = false;
    s->bytes.clear();
    Op op;
    op.slow = true;
    op.run = [j] { encode(j); };
    submit(on, std::move(op));
    s->ticket = on->submitted;
    return jpeg_success;
}

template <class T> int destroy(const char *name, T *handle, Kind kind, int64_t bytes) {
    Call call(name);
    if (call.failed()) {
        return failure(call);
    }
    auto o = lookup(id_of(handle), kind, name);
    if (!o) {
        return jpeg_invalid_parameter;
    }
    if (kind == Kind::jpeg_state) {
        wait_stream(call.lock, std::static_pointer_cast<State>(o)->stream);
    }
    // The registry and this function hold it; whoever else does was made from it.
    if (kind == Kind::jpeg_handle && o.use_count() > 2) {
        violation("%s: %ld states and parameters of the handle still live", name, o.use_count() - 2);
    }
    remove(o->id);
    if (bytes > 0) {
        release(call.ctx->device, bytes);
    }
    return jpeg_success;
}

} // namespace

FP_EXPORT int nvjpegGetProperty(int type, int *value) {
    const int version[] = {12, 3, 5};
    if (type < 0 || type > 2) {
        return jpeg_invalid_parameter;
    }
    *value = version[type];
    return jpeg_success;
}

FP_EXPORT int nvjpegCreateSimple(nvjpegHandle_t *handle) {
    Call call("nvjpegCreateSimple");
    if (call.failed()) {
        return failure(call);
    }
    if (!reserve(call.ctx->device, handle_bytes())) {
        return jpeg_allocator_failure;
    }
    *handle = handle_of<nvjpegHandle_t>(add(std::make_shared<Handle>(call.ctx)));
    return jpeg_success;
}

FP_EXPORT int nvjpegCreateEx(int, void *, void *, unsigned, nvjpegHandle_t *handle) { return nvjpegCreateSimple(handle); }

FP_EXPORT int nvjpegDestroy(nvjpegHandle_t handle) { return destroy("nvjpegDestroy", handle, Kind::jpeg_handle, handle_bytes()); }

FP_EXPORT int nvjpegEncoderStateCreate(nvjpegHandle_t handle, nvjpegEncoderState_t *state, CUstream stream) {
    Call call("nvjpegEncoderStateCreate");
    if (call.failed()) {
        return failure(call);
    }
    auto h = find<Handle>(handle, Kind::jpeg_handle, call.name);
    auto on = stream_of(stream, call.name);
    if (!h || !on) {
        return jpeg_invalid_parameter;
    }
    if (!reserve(call.ctx->device, state_bytes())) {
        return jpeg_allocator_failure;
    }
    *state = handle_of<nvjpegEncoderState_t>(add(std::make_shared<State>(call.ctx, h, on)));
    return jpeg_success;
}

FP_EXPORT int nvjpegEncoderStateDestroy(nvjpegEncoderState_t state) {
    return destroy("nvjpegEncoderStateDestroy", state, Kind::jpeg_state, state_bytes());
}

FP_EXPORT int nvjpegEncoderParamsCreate(nvjpegHandle_t handle, nvjpegEncoderParams_t *params, CUstream) {
    Call call("nvjpegEncoderParamsCreate");
    if (call.failed()) {
        return failure(call);
    }
    auto h = find<Handle>(handle, Kind::jpeg_handle, call.name);
    if (!h) {
        return jpeg_invalid_parameter;
    }
    *params = handle_of<nvjpegEncoderParams_t>(add(std::make_shared<Params>(call.ctx, h)));
    return jpeg_success;
}

FP_EXPORT int nvjpegEncoderParamsDestroy(nvjpegEncoderParams_t params) {
    return destroy("nvjpegEncoderParamsDestroy", params, Kind::jpeg_params, 0);
}

FP_EXPORT int nvjpegEncoderParamsSetQuality(nvjpegEncoderParams_t params, const int quality, CUstream) {
    Call call("nvjpegEncoderParamsSetQuality");
    auto p = call.failed() ? nullptr : find<Params>(params, Kind::jpeg_params, call.name);
    if (!p || quality < 1 || quality > 100) {
        return call.failed() ? failure(call) : jpeg_invalid_parameter;
    }
    p->quality = quality;
    return jpeg_success;
}

FP_EXPORT int nvjpegEncoderParamsSetEncoding(nvjpegEncoderParams_t params, int encoding, CUstream) {
    Call call("nvjpegEncoderParamsSetEncoding");
    auto p = call.failed() ? nullptr : find<Params>(params, Kind::jpeg_params, call.name);
    if (!p || (encoding != 0xc0 && encoding != 0xc2)) {
        return call.failed() ? failure(call) : jpeg_invalid_parameter;
    }
    p->progressive = encoding == 0xc2;
    return jpeg_success;
}

FP_EXPORT int nvjpegEncoderParamsSetOptimizedHuffman(nvjpegEncoderParams_t params, const int optimized, CUstream) {
    Call call("nvjpegEncoderParamsSetOptimizedHuffman");
    auto p = call.failed() ? nullptr : find<Params>(params, Kind::jpeg_params, call.name);
    if (!p) {
        return call.failed() ? failure(call) : jpeg_invalid_parameter;
    }
    p->optimized = optimized != 0; // turbojpeg's interface has no such switch
    return jpeg_success;
}

FP_EXPORT int nvjpegEncoderParamsSetSamplingFactors(nvjpegEncoderParams_t params, const int sampling, CUstream) {
    Call call("nvjpegEncoderParamsSetSamplingFactors");
    auto p = call.failed() ? nullptr : find<Params>(params, Kind::jpeg_params, call.name);
    if (!p || turbo_sampling(sampling) < 0) {
        return call.failed() ? failure(call) : jpeg_invalid_parameter;
    }
    p->sampling = sampling;
    return jpeg_success;
}

FP_EXPORT int nvjpegEncodeGetBufferSize(nvjpegHandle_t handle, const nvjpegEncoderParams_t params, int width, int height, size_t *size) {
    Call call("nvjpegEncodeGetBufferSize");
    auto h = call.failed() ? nullptr : find<Handle>(handle, Kind::jpeg_handle, call.name);
    auto p = h ? find<Params>(params, Kind::jpeg_params, call.name) : nullptr;
    if (!p) {
        return call.failed() ? failure(call) : jpeg_invalid_parameter;
    }
    *size = tjBufSize(width, height, turbo_sampling(p->sampling));
    return jpeg_success;
}

FP_EXPORT int nvjpegEncodeYUV(nvjpegHandle_t handle, nvjpegEncoderState_t state, const nvjpegEncoderParams_t params, const nvjpegImage *image,
                              int sampling, int width, int height, CUstream stream) {
    Call call("nvjpegEncodeYUV");
    return call.failed() ? failure(call) : start(call, handle, state, params, image, sampling, -1, width, height, stream);
}

FP_EXPORT int nvjpegEncodeImage(nvjpegHandle_t handle, nvjpegEncoderState_t state, const nvjpegEncoderParams_t params, const nvjpegImage *image,
                                int format, int width, int height, CUstream stream) {
    Call call("nvjpegEncodeImage");
    if (call.failed()) {
        return failure(call);
    }
    if (format != jpeg_rgbi && format != jpeg_bgri) {
        return jpeg_not_supported;
    }
    return start(call, handle, state, params, image, -1, format == jpeg_rgbi ? TJPF_RGB : TJPF_BGR, width, height, stream);
}

FP_EXPORT int nvjpegEncodeRetrieveBitstream(nvjpegHandle_t handle, nvjpegEncoderState_t state, unsigned char *data, size_t *length,
                                            CUstream stream) {
    Call call("nvjpegEncodeRetrieveBitstream");
    if (call.failed()) {
        return failure(call);
    }
    auto h = find<Handle>(handle, Kind::jpeg_handle, call.name);
    auto s = find<State>(state, Kind::jpeg_state, call.name);
    auto on = stream_of(stream, call.name);
    if (!h || !s || !on) {
        return jpeg_invalid_parameter;
    }
    if (!s->began || on != s->stream || on->completed < s->ticket) {
        violation("nvjpegEncodeRetrieveBitstream: nothing was encoded, or its stream was not waited for");
        return jpeg_incomplete;
    }
    if (s->failed) {
        return jpeg_execution_failed;
    }
    size_t size = s->bytes.size();
    if (!data) {
        *length = size;
        return jpeg_success;
    }
    if (*length < size) {
        return jpeg_invalid_parameter;
    }
    *length = size;
    bool pinned = in_pinned_memory(data, size);
    Op op;
    op.slow = true;
    op.run = [s, data] { std::memcpy(data, s->bytes.data(), s->bytes.size()); };
    submit(on, std::move(op));
    if (!pinned) {
        wait_stream(call.lock, on);
    }
    return jpeg_success;
}

} // namespace sim
