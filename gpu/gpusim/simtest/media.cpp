// Every rule of the decoder, the parser and nvJPEG, broken once.
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "nvjpeg.h"
#include "simtest.h"

extern "C" {
int nvjpegCreateSimple(nvjpegHandle_t *);
int nvjpegDestroy(nvjpegHandle_t);
int nvjpegEncoderStateCreate(nvjpegHandle_t, nvjpegEncoderState_t *, CUstream);
int nvjpegEncoderStateDestroy(nvjpegEncoderState_t);
int nvjpegEncoderParamsCreate(nvjpegHandle_t, nvjpegEncoderParams_t *, CUstream);
int nvjpegEncoderParamsDestroy(nvjpegEncoderParams_t);
int nvjpegEncoderParamsSetQuality(nvjpegEncoderParams_t, int, CUstream);
int nvjpegEncoderParamsSetSamplingFactors(nvjpegEncoderParams_t, int, CUstream);
int nvjpegEncodeYUV(nvjpegHandle_t, nvjpegEncoderState_t, nvjpegEncoderParams_t, const nvjpegImage *, int, int, int, CUstream);
int nvjpegEncodeRetrieveBitstream(nvjpegHandle_t, nvjpegEncoderState_t, unsigned char *, size_t *, CUstream);
}

namespace {

CUVIDDECODECREATEINFO info() {
    CUVIDDECODECREATEINFO i = {};
    i.ulWidth = 640;
    i.ulHeight = 368;
    i.ulNumDecodeSurfaces = 4;
    i.CodecType = cudaVideoCodec_H264;
    i.ChromaFormat = cudaVideoChromaFormat_420;
    i.OutputFormat = cudaVideoSurfaceFormat_NV12;
    i.ulTargetWidth = 640;
    i.ulTargetHeight = 360;
    i.display_area = {0, 0, 640, 360};
    i.ulNumOutputSurfaces = 1;
    return i;
}

// A decoder with one broken picture in surface 0: it decodes to status 8 and grey.
struct Rig {
    Current context;
    CUvideodecoder decoder = nullptr;
    CUstream stream = nullptr;
    CUVIDPROCPARAMS proc = {};
    unsigned long long at = 0;
    unsigned pitch = 0;

    Rig() {
        CUVIDDECODECREATEINFO i = info();
        OK(cuvidCreateDecoder(&decoder, &i));
        OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
        proc.output_stream = stream;
        OK(decode(0));
    }
    CUresult decode(int index) {
        const unsigned char broken[] = {0, 0, 1, 0x65, 0x80, 0, 0, 0};
        CUVIDPICPARAMS p = {};
        p.CurrPicIdx = index;
        p.pBitstreamData = broken;
        p.nBitstreamDataLen = sizeof broken;
        return cuvidDecodePicture(decoder, &p);
    }
    CUresult map(int index = 0) { return cuvidMapVideoFrame64(decoder, index, &at, &pitch, &proc); }
    ~Rig() {
        OK(cuStreamDestroy_v2(stream));
        if (decoder) {
            OK(cuvidDestroyDecoder(decoder));
        }
    }
};

void decoder_limits() {
    Current c;
    CUvideodecoder d = nullptr;
    auto with = [&](auto change) {
        CUVIDDECODECREATEINFO i = info();
        change(i);
        return cuvidCreateDecoder(&d, &i);
    };
    BREAKS(1, with([](auto &i) { i.ulNumDecodeSurfaces = 33; }));
    BREAKS(1, with([](auto &i) { i.ulNumDecodeSurfaces = 0; }));
    BREAKS(1, with([](auto &i) { i.ulNumOutputSurfaces = 0; }));
    BREAKS(1, with([](auto &i) { i.ulTargetWidth = 639; }));
    BREAKS(1, with([](auto &i) { i.display_area.right = 641; }));
    BREAKS(1, with([](auto &i) { i.ulWidth = 8192; }));
    BREAKS(1, with([](auto &i) { i.OutputFormat = cudaVideoSurfaceFormat_P016; }));
    BREAKS(1, with([](auto &i) { i.ulMaxWidth = 320; }));
    WANT(801, with([](auto &i) { i.bitDepthMinus8 = 2; }));
    WANT(801, with([](auto &i) { i.CodecType = cudaVideoCodec_AV1; }));
    WANT(801, with([](auto &i) { i.ChromaFormat = cudaVideoChromaFormat_422; }));
}

void map_and_unmap_balance() {
    Rig r;
    OK(r.map());
    TRUE(fp_gpusim_live("frame") == 1);
    unsigned long long first = r.at;
    BREAKS(208, r.map());
    OK(cuvidUnmapVideoFrame64(r.decoder, first));
    BREAKS(206, cuvidUnmapVideoFrame64(r.decoder, first));
    TRUE(fp_gpusim_live("frame") == 0);
}

void map_rules() {
    Rig r;
    BREAKS(1, r.map(4));
    BREAKS(1, r.map(1)); // nothing is in it
    BREAKS(1, r.decode(4));
    r.proc.output_stream = nullptr;
    BREAKS(400, r.map());
}

void unmapped_memory_is_refused() {
    Rig r;
    OK(r.map());
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
    unsigned char host[16];
    BREAKS(1, cuMemcpyDtoHAsync_v2(host, r.at, 16, r.stream));
}

// What was read on the stream of the mapping before the unmap is whole, even though
// it runs later; what another stream reads without waiting is not.
void unmap_is_in_stream_order() {
    Rig r;
    CUstream other = nullptr;
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    void *mine = nullptr, *theirs = nullptr;
    OK(cuMemHostAlloc(&mine, 4096, 0));
    OK(cuMemHostAlloc(&theirs, 4096, 0));
    std::atomic<bool> go{false};
    auto hold = [](void *flag) {
        while (!*static_cast<std::atomic<bool> *>(flag)) {
            std::this_thread::yield();
        }
    };
    OK(r.map());
    OK(cuMemcpyDtoHAsync_v2(mine, r.at, 4096, r.stream));
    OK(cuLaunchHostFunc(other, hold, &go)); // the other stream comes late
    OK(cuMemcpyDtoHAsync_v2(theirs, r.at, 4096, other));
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
    OK(cuStreamSynchronize(r.stream));
    go = true;
    OK(cuStreamSynchronize(other));
    TRUE(static_cast<unsigned char *>(mine)[600] == 0x80);
    TRUE(static_cast<unsigned char *>(theirs)[600] == 0xAB);
    OK(cuStreamDestroy_v2(other));
    OK(cuMemFreeHost(mine));
    OK(cuMemFreeHost(theirs));
}

void destroy_while_mapped() {
    Rig r;
    OK(r.map());
    BREAKS(0, cuvidDestroyDecoder(r.decoder));
    BREAKS(400, cuvidDestroyDecoder(r.decoder));
    TRUE(fp_gpusim_live("frame") == 0);
    r.decoder = nullptr;
}

void broken_picture_is_told() {
    Rig r;
    OK(r.map());
    CUVIDGETDECODESTATUS s = {};
    OK(cuvidGetDecodeStatus(r.decoder, 0, &s));
    TRUE(s.decodeStatus == 8);
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
}

// FRAMEPORT_GPUSIM_FAIL=cuvidCreateDecoder:2:2,cuvidMapVideoFrame64:2:205,decode_status:2:9
void injected_decoder_faults() {
    Rig r;
    CUvideodecoder d = nullptr;
    CUVIDDECODECREATEINFO i = info();
    WANT(2, cuvidCreateDecoder(&d, &i));
    OK(r.map());
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
    WANT(205, r.map());
    OK(r.decode(0));
    OK(r.map());
    CUVIDGETDECODESTATUS s = {};
    OK(cuvidGetDecodeStatus(r.decoder, 0, &s));
    TRUE(s.decodeStatus == 9);
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
}

// FRAMEPORT_GPUSIM_NO_CODEC=hevc,jpeg
void codec_is_missing() {
    Current c;
    CUVIDDECODECAPS caps = {};
    caps.eCodecType = cudaVideoCodec_HEVC;
    caps.eChromaFormat = cudaVideoChromaFormat_420;
    OK(cuvidGetDecoderCaps(&caps));
    TRUE(!caps.bIsSupported);
    caps.eCodecType = cudaVideoCodec_H264;
    OK(cuvidGetDecoderCaps(&caps));
    TRUE(caps.bIsSupported && caps.nNumNVDECs == 7 && caps.nMaxWidth == 4096);
}

// FRAMEPORT_GPUSIM_ENGINES=0
void no_engines() {
    Current c;
    for (auto codec : {cudaVideoCodec_H264, cudaVideoCodec_HEVC, cudaVideoCodec_JPEG}) {
        CUVIDDECODECAPS caps = {};
        caps.eCodecType = codec;
        caps.eChromaFormat = cudaVideoChromaFormat_420;
        OK(cuvidGetDecoderCaps(&caps));
        TRUE(!caps.bIsSupported && caps.nNumNVDECs == 0);
    }
    CUVIDDECODECREATEINFO i = info();
    CUvideodecoder d = nullptr;
    WANT(801, cuvidCreateDecoder(&d, &i));
}

// FRAMEPORT_GPUSIM_MEMORY is small: decoders end in out-of-memory, and what was
// booked for the one that failed comes back.
void decoders_use_memory() {
    Current c;
    std::vector<CUvideodecoder> list;
    int64_t before = fp_gpusim_used(0);
    CUVIDDECODECREATEINFO i = info();
    CUvideodecoder d = nullptr;
    CUresult result;
    while ((result = cuvidCreateDecoder(&d, &i)) == CUDA_SUCCESS) {
        list.push_back(d);
        TRUE(list.size() < 1000);
    }
    WANT(2, result);
    TRUE(list.size() > 1);
    for (CUvideodecoder k : list) {
        OK(cuvidDestroyDecoder(k));
    }
    TRUE(fp_gpusim_used(0) == before);
}

void reconfigure() {
    Rig r;
    CUVIDRECONFIGUREDECODERINFO n = {};
    n.ulWidth = 320;
    n.ulHeight = 192;
    n.ulTargetWidth = 320;
    n.ulTargetHeight = 180;
    n.ulNumDecodeSurfaces = 6;
    n.display_area = {0, 0, 320, 180};
    OK(r.map());
    BREAKS(1, cuvidReconfigureDecoder(r.decoder, &n));
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
    OK(cuvidReconfigureDecoder(r.decoder, &n));
    OK(r.decode(5));
    OK(r.map(5));
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
    n.ulWidth = 1280;
    BREAKS(1, cuvidReconfigureDecoder(r.decoder, &n));
}

// FRAMEPORT_GPUSIM_BLOCK=cuvidMapVideoFrame64:1:200: a second thread on the decoder.
void two_threads_on_a_decoder() {
    Rig r;
    OK(r.map());
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
    // The engine is stopped, so that the first call waits for its picture.
    fp_gpusim_stall(1);
    OK(r.decode(1));
    std::thread first([&] {
        OK(cuCtxPushCurrent_v2(r.context.handle));
        OK(r.map(1));
        OK(cuCtxPopCurrent_v2(nullptr));
    });
    while (fp_gpusim_calls("cuvidMapVideoFrame64") < 2) {
        std::this_thread::yield();
    }
    CUresult result = r.decode(0);
    TRUE(result == 1 && fp_gpusim_take_violations(nullptr, 0) == 1);
    fp_gpusim_stall(0);
    first.join();
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
}

int refuse(void *, CUVIDEOFORMAT *) { return 0; }
int no_decode(void *, CUVIDPICPARAMS *) { return 1; }

void parser_rules() {
    OK(cuInit(0));
    CUVIDPARSERPARAMS p = {};
    p.CodecType = cudaVideoCodec_H264;
    p.pfnSequenceCallback = refuse;
    p.pfnDecodePicture = no_decode;
    CUvideoparser parser = nullptr;
    BREAKS(1, cuvidCreateVideoParser(&parser, &p)); // no surfaces
    p.ulMaxNumDecodeSurfaces = 1;
    p.uReserved = 1;
    BREAKS(1, cuvidCreateVideoParser(&parser, &p));
    p.uReserved = 0;
    OK(cuvidCreateVideoParser(&parser, &p));
    OK(cuvidDestroyVideoParser(parser));
    CUVIDSOURCEDATAPACKET packet = {};
    BREAKS(400, cuvidParseVideoData(parser, &packet));
    BREAKS(400, cuvidDestroyVideoParser(parser));
}

struct Jpeg {
    Current context;
    CUstream stream = nullptr;
    nvjpegHandle_t handle = nullptr;
    nvjpegEncoderState_t state = nullptr;
    nvjpegEncoderParams_t params = nullptr;
    CUdeviceptr planes = 0;
    nvjpegImage image = {};

    Jpeg() {
        OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
        OK(nvjpegCreateSimple(&handle));
        OK(nvjpegEncoderStateCreate(handle, &state, stream));
        OK(nvjpegEncoderParamsCreate(handle, &params, stream));
        OK(nvjpegEncoderParamsSetQuality(params, 80, stream));
        OK(nvjpegEncoderParamsSetSamplingFactors(params, jpeg_420, stream));
        OK(cuMemAlloc_v2(&planes, 64 * 64 * 2));
        OK(cuMemsetD8Async(planes, 128, 64 * 64 * 2, stream));
        for (int k = 0; k < 3; k++) {
            image.channel[k] = reinterpret_cast<unsigned char *>(planes + static_cast<CUdeviceptr>(k ? 64 * 64 + 32 * 32 * (k - 1) : 0));
            image.pitch[k] = k ? 32 : 64;
        }
    }
    ~Jpeg() {
        OK(nvjpegEncoderParamsDestroy(params));
        OK(nvjpegEncoderStateDestroy(state));
        OK(nvjpegDestroy(handle));
        OK(cuMemFree_v2(planes));
        OK(cuStreamDestroy_v2(stream));
    }
    int encode(int w = 63, int h = 61) { return nvjpegEncodeYUV(handle, state, params, &image, jpeg_420, w, h, stream); }
};

void jpeg_encodes() {
    Jpeg j;
    OK(j.encode());
    OK(cuStreamSynchronize(j.stream));
    size_t size = 0;
    OK(nvjpegEncodeRetrieveBitstream(j.handle, j.state, nullptr, &size, j.stream));
    std::vector<unsigned char> out(size);
    OK(nvjpegEncodeRetrieveBitstream(j.handle, j.state, out.data(), &size, j.stream));
    OK(cuStreamSynchronize(j.stream));
    TRUE(size > 100 && out[0] == 0xFF && out[1] == 0xD8 && out[size - 1] == 0xD9);
}

void jpeg_rules() {
    Jpeg j;
    size_t size = 0;
    BREAKS(10, nvjpegEncodeRetrieveBitstream(j.handle, j.state, nullptr, &size, j.stream)); // nothing yet
    WANT(8, j.encode(31, 64));
    CUstream other = nullptr;
    OK(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    BREAKS(6, nvjpegEncodeYUV(j.handle, j.state, j.params, &j.image, jpeg_420, 64, 64, other));
    OK(cuStreamDestroy_v2(other));
    fp_gpusim_stall(1);
    OK(j.encode());
    BREAKS(6, j.encode());
    BREAKS(10, nvjpegEncodeRetrieveBitstream(j.handle, j.state, nullptr, &size, j.stream)); // no wait
    fp_gpusim_stall(0);
    OK(cuStreamSynchronize(j.stream));
    BREAKS(2, j.encode(64, 4096)); // beyond the memory
    nvjpegEncoderState_t gone = nullptr;
    OK(nvjpegEncoderStateCreate(j.handle, &gone, j.stream));
    OK(nvjpegEncoderStateDestroy(gone));
    BREAKS(2, nvjpegEncoderStateDestroy(gone));
}

// A handle goes after what was made from it.
void jpeg_handle_goes_last() {
    Current c;
    CUstream s = nullptr;
    nvjpegHandle_t h = nullptr;
    nvjpegEncoderState_t state = nullptr;
    nvjpegEncoderParams_t params = nullptr;
    OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
    OK(nvjpegCreateSimple(&h));
    OK(nvjpegEncoderStateCreate(h, &state, s));
    BREAKS(0, nvjpegDestroy(h));
    OK(nvjpegEncoderStateDestroy(state));
    OK(nvjpegCreateSimple(&h));
    OK(nvjpegEncoderParamsCreate(h, &params, s));
    BREAKS(0, nvjpegDestroy(h));
    OK(nvjpegEncoderParamsDestroy(params));
    OK(cuStreamDestroy_v2(s));
}

// FRAMEPORT_GPUSIM_DEVICES=2: what is one device's is of no use to the other.
void media_of_another_device() {
    Rig r;
    Jpeg j;
    OK(r.map());
    {
        Current other(1);
        CUstream s = nullptr;
        OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
        CUVIDGETDECODESTATUS status = {};
        CUVIDRECONFIGUREDECODERINFO n = {};
        BREAKS(400, r.decode(1));
        BREAKS(400, cuvidGetDecodeStatus(r.decoder, 0, &status));
        BREAKS(400, r.map());
        BREAKS(400, cuvidUnmapVideoFrame64(r.decoder, r.at));
        BREAKS(400, cuvidReconfigureDecoder(r.decoder, &n));
        BREAKS(400, cuvidDestroyDecoder(r.decoder));
        unsigned char host[16];
        BREAKS(1, cuMemcpyDtoHAsync_v2(host, r.at, 16, s));
        BREAKS(400, cuStreamSynchronize(r.stream));

        nvjpegHandle_t h = nullptr;
        nvjpegEncoderState_t state = nullptr;
        nvjpegEncoderParams_t params = nullptr;
        OK(nvjpegCreateSimple(&h));
        OK(nvjpegEncoderStateCreate(h, &state, s));
        OK(nvjpegEncoderParamsCreate(h, &params, s));
        OK(nvjpegEncoderParamsSetSamplingFactors(params, jpeg_420, s));
        BREAKS(2, nvjpegEncodeYUV(h, state, params, &j.image, jpeg_420, 64, 64, s));     // its planes
        BREAKS(2, nvjpegEncodeYUV(h, j.state, params, &j.image, jpeg_420, 64, 64, s));   // its state
        BREAKS(2, nvjpegEncodeYUV(h, state, params, &j.image, jpeg_420, 64, 64, j.stream));
        BREAKS(2, nvjpegEncoderStateDestroy(j.state));
        OK(nvjpegEncoderParamsDestroy(params));
        OK(nvjpegEncoderStateDestroy(state));
        OK(nvjpegDestroy(h));

        CUVIDDECODECREATEINFO i = info();
        CUvideodecoder d = nullptr;
        OK(cuvidCreateDecoder(&d, &i));
        OK(cuvidDestroyDecoder(d));
        OK(cuStreamDestroy_v2(s));
    }
    OK(cuvidUnmapVideoFrame64(r.decoder, r.at));
}

// FRAMEPORT_GPUSIM_FAIL=nvjpegCreateSimple:0:7
void jpeg_is_missing() {
    Current c;
    nvjpegHandle_t h = nullptr;
    WANT(7, nvjpegCreateSimple(&h));
}

struct Case {
    const char *name;
    void (*run)();
};

const Case cases[] = {
    {"decoder_limits", decoder_limits},
    {"map_and_unmap_balance", map_and_unmap_balance},
    {"map_rules", map_rules},
    {"unmapped_memory_is_refused", unmapped_memory_is_refused},
    {"unmap_is_in_stream_order", unmap_is_in_stream_order},
    {"destroy_while_mapped", destroy_while_mapped},
    {"broken_picture_is_told", broken_picture_is_told},
    {"injected_decoder_faults", injected_decoder_faults},
    {"codec_is_missing", codec_is_missing},
    {"no_engines", no_engines},
    {"decoders_use_memory", decoders_use_memory},
    {"reconfigure", reconfigure},
    {"two_threads_on_a_decoder", two_threads_on_a_decoder},
    {"parser_rules", parser_rules},
    {"jpeg_encodes", jpeg_encodes},
    {"jpeg_rules", jpeg_rules},
    {"jpeg_handle_goes_last", jpeg_handle_goes_last},
    {"media_of_another_device", media_of_another_device},
    {"jpeg_is_missing", jpeg_is_missing},
};

} // namespace

bool run_media(const char *name) {
    for (const Case &c : cases) {
        if (std::strcmp(c.name, name) == 0) {
            c.run();
            return true;
        }
    }
    return false;
}
