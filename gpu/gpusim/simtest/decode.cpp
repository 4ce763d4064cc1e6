// Decodes access units from stdin as decoder/nvdec does, and writes what is mapped to
// stdout.
//
// In:  per unit  u32 size, i64 timestamp, bytes; size 0 is an end of stream.
// Out: per frame u32 width, height, bytes per sample, status; i64 timestamp; the rows
//      of luma and of interleaved chroma.
#include <algorithm>
#include <cstring>
#include <string>

#include "simtest.h"

namespace {

struct Session {
    CUvideodecoder decoder = nullptr;
    CUstream stream = nullptr;
    CUVIDEOFORMAT format = {};
    int sequences = 0, frames = 0;
    int surfaces = 0;
    bool whole = false; // the coded size instead of the display area
    bool wide = false;
    bool refused = false;
    int width = 0, height = 0; // forced target
    unsigned target_width = 0, target_height = 0;
};

int on_sequence(void *user, CUVIDEOFORMAT *f) {
    auto *s = static_cast<Session *>(user);
    s->sequences++;
    if (s->decoder && std::memcmp(&s->format, f, sizeof *f) == 0) {
        return s->surfaces;
    }
    if (s->decoder) {
        OK(cuvidDestroyDecoder(s->decoder));
        s->decoder = nullptr;
    }
    s->format = *f;
    s->surfaces = f->min_num_decode_surfaces + 1;
    CUVIDDECODECAPS caps = {};
    caps.eCodecType = f->codec;
    caps.eChromaFormat = f->chroma_format;
    caps.nBitDepthMinus8 = f->bit_depth_luma_minus8;
    OK(cuvidGetDecoderCaps(&caps));
    if (!caps.bIsSupported) {
        std::fprintf(stderr, "unsupported\n");
        s->refused = true;
        return 0;
    }
    s->wide = f->bit_depth_luma_minus8 > 0;
    CUVIDDECODECREATEINFO i = {};
    i.ulWidth = f->coded_width;
    i.ulHeight = f->coded_height;
    i.ulNumDecodeSurfaces = static_cast<unsigned>(s->surfaces);
    i.CodecType = f->codec;
    i.ChromaFormat = f->chroma_format;
    i.ulCreationFlags = cudaVideoCreate_PreferCUVID;
    i.bitDepthMinus8 = f->bit_depth_luma_minus8;
    i.OutputFormat = s->wide ? cudaVideoSurfaceFormat_P016 : cudaVideoSurfaceFormat_NV12;
    i.DeinterlaceMode = cudaVideoDeinterlaceMode_Weave;
    auto &d = f->display_area;
    s->target_width = static_cast<unsigned>(s->width ? s->width : (d.right - d.left + 1) & ~1);
    s->target_height = static_cast<unsigned>(s->height ? s->height : (d.bottom - d.top + 1) & ~1);
    // An odd size is rounded up within the coded one, or it would be scaled.
    int right = s->width ? d.right : std::min(d.left + static_cast<int>(s->target_width), static_cast<int>(f->coded_width));
    int bottom = s->height ? d.bottom : std::min(d.top + static_cast<int>(s->target_height), static_cast<int>(f->coded_height));
    i.display_area = {static_cast<short>(d.left), static_cast<short>(d.top), static_cast<short>(right), static_cast<short>(bottom)};
    i.ulTargetWidth = s->target_width;
    i.ulTargetHeight = s->target_height;
    i.ulNumOutputSurfaces = 1;
    OK(cuvidCreateDecoder(&s->decoder, &i));
    return s->surfaces;
}

int on_decode(void *user, CUVIDPICPARAMS *p) {
    auto *s = static_cast<Session *>(user);
    return cuvidDecodePicture(s->decoder, p) == CUDA_SUCCESS;
}

void put(const void *data, size_t size) { TRUE(std::fwrite(data, 1, size, stdout) == size); }

int on_display(void *user, CUVIDPARSERDISPINFO *info) {
    auto *s = static_cast<Session *>(user);
    if (!info) {
        return 1;
    }
    CUVIDPROCPARAMS p = {};
    p.progressive_frame = info->progressive_frame;
    p.top_field_first = info->top_field_first;
    p.output_stream = s->stream;
    unsigned long long at = 0;
    unsigned pitch = 0;
    OK(cuvidMapVideoFrame64(s->decoder, info->picture_index, &at, &pitch, &p));
    CUVIDGETDECODESTATUS status = {};
    uint32_t state = 0;
    if (cuvidGetDecodeStatus(s->decoder, info->picture_index, &status) == CUDA_SUCCESS) {
        state = static_cast<uint32_t>(status.decodeStatus);
    }
    size_t sample = s->wide ? 2 : 1, row = s->target_width * sample, rows = s->target_height / 2 * 3;
    void *host = nullptr;
    OK(cuMemHostAlloc(&host, row * rows, 0));
    CUDA_MEMCPY2D copy = {};
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = at;
    copy.srcPitch = pitch;
    copy.dstMemoryType = CU_MEMORYTYPE_HOST;
    copy.dstHost = host;
    copy.dstPitch = row;
    copy.WidthInBytes = row;
    copy.Height = rows;
    OK(cuMemcpy2DAsync_v2(&copy, s->stream));
    OK(cuvidUnmapVideoFrame64(s->decoder, at));
    OK(cuStreamSynchronize(s->stream));
    uint32_t head[4] = {s->target_width, s->target_height, static_cast<uint32_t>(sample), state};
    int64_t time = info->timestamp;
    put(head, sizeof head);
    put(&time, sizeof time);
    put(host, row * rows);
    OK(cuMemFreeHost(host));
    s->frames++;
    return 1;
}

cudaVideoCodec codec_of(const std::string &name) {
    return name == "h264"   ? cudaVideoCodec_H264
           : name == "hevc" ? cudaVideoCodec_HEVC
           : name == "vp8"  ? cudaVideoCodec_VP8
           : name == "vp9"  ? cudaVideoCodec_VP9
                            : cudaVideoCodec_JPEG;
}

bool get(void *data, size_t size) { return std::fread(data, 1, size, stdin) == size; }

} // namespace

// simtest decode CODEC [WIDTH HEIGHT] [pieces]
int decode(int argc, char **argv) {
    Current context;
    Session s;
    bool pieces = argc > 3 && std::string(argv[argc - 1]) == "pieces";
    if (argc >= 5 && !pieces) {
        s.width = std::atoi(argv[3]);
        s.height = std::atoi(argv[4]);
    }
    OK(cuStreamCreate(&s.stream, CU_STREAM_NON_BLOCKING));
    CUVIDPARSERPARAMS params = {};
    params.CodecType = codec_of(argv[2]);
    params.ulMaxNumDecodeSurfaces = 1;
    params.ulErrorThreshold = 100;
    params.pUserData = &s;
    params.pfnSequenceCallback = on_sequence;
    params.pfnDecodePicture = on_decode;
    params.pfnDisplayPicture = on_display;
    CUvideoparser parser = nullptr;
    OK(cuvidCreateVideoParser(&parser, &params));
    uint32_t size = 0;
    int64_t time = 0;
    int units = 0;
    while (get(&size, sizeof size) && get(&time, sizeof time)) {
        std::vector<unsigned char> data(size);
        TRUE(get(data.data(), size));
        CUVIDSOURCEDATAPACKET p = {};
        p.payload = size ? data.data() : nullptr;
        p.payload_size = size;
        p.timestamp = time;
        p.flags = size ? CUVID_PKT_TIMESTAMP | (pieces ? 0 : CUVID_PKT_ENDOFPICTURE) : CUVID_PKT_ENDOFSTREAM;
        CUresult parsed = cuvidParseVideoData(parser, &p);
        TRUE(parsed == CUDA_SUCCESS || s.refused);
        TRUE(fp_gpusim_depth() == 1);
        units++;
    }
    CUVIDSOURCEDATAPACKET end = {};
    end.flags = CUVID_PKT_ENDOFSTREAM;
    TRUE(cuvidParseVideoData(parser, &end) == (s.refused ? CUDA_ERROR_UNKNOWN : CUDA_SUCCESS));
    std::fprintf(stderr, "units %d frames %d sequences %d surfaces %d\n", units, s.frames, s.sequences, s.surfaces);
    OK(cuvidDestroyVideoParser(parser));
    if (s.decoder) {
        OK(cuvidDestroyDecoder(s.decoder));
    }
    OK(cuStreamDestroy_v2(s.stream));
    std::fflush(stdout);
    return 0;
}
