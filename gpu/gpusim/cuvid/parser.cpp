// The parser: finds pictures and their display order and calls back for each. All
// callbacks run on the caller's thread, inside cuvidParseVideoData.
#include <algorithm>
#include <array>
#include <deque>

#include "core.h"
#include "nal.h"
#include "picture.h"
#include "sequence.h"
#include "vpx.h"

namespace sim {

namespace {

constexpr int max_surfaces = 32;

// A picture on its way to the display.
struct Waiting {
    int index;
    int order;
    CUvideotimestamp timestamp;
    bool progressive, top_first;
};

// What libavcodec's parser says of a picture.
struct PictureFacts {
    int order = 0;
    bool intra = false;
    bool field = false, bottom = false;
};

class Parser : public Object {
public:
    explicit Parser(const CUVIDPARSERPARAMS &p) : Object(Kind::parser, nullptr), params_(p), surfaces_(static_cast<int>(p.ulMaxNumDecodeSurfaces)) {
        parser_ = av_parser_init(codec_id(p.CodecType));
        context_ = avcodec_alloc_context3(nullptr);
        context_->codec_id = codec_id(p.CodecType);
        if (parser_) {
            parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
        }
    }
    ~Parser() override {
        av_parser_close(parser_);
        avcodec_free_context(&context_);
    }

    void parse(const CUVIDSOURCEDATAPACKET &packet);

    bool busy = false;
    // The sequence callback failed: the parser takes nothing more, and says so.
    bool refused = false;

private:
    void finish(); // the picture that is being gathered
    void picture(const Bytes &data, CUvideotimestamp timestamp);
    void vpx_picture(const Bytes &data, CUvideotimestamp timestamp);
    bool sequence(const Bytes &data, bool repeated);
    PictureFacts facts(const Bytes &data);
    int decode(const Bytes &data, const NalInfo &first, const PictureFacts &f, const std::vector<unsigned> &slices, CUvideotimestamp timestamp);
    int free_index();
    void bump(size_t keep);
    void sort_times(Waiting *next);
    void show(size_t keep);
    void flush();

    const CUVIDPARSERPARAMS params_;
    int surfaces_;
    AVCodecParserContext *parser_ = nullptr;
    AVCodecContext *context_ = nullptr;

    Bytes pending_;
    CUvideotimestamp pending_time_ = 0;
    ParameterSets sets_;
    Bytes active_; // what the sequence in use was made from
    Sequence current_;
    bool begun_ = false; // a sequence is in use and no end of stream came since
    bool skip_leading_ = false;
    int next_ = 0;
    int open_field_ = -1; // the surface of a first field
    std::vector<Waiting> reorder_;
    std::deque<Waiting> ready_; // in display order
    // The surfaces that VP9 can show again.
    std::array<int, 8> slots_ = {-1, -1, -1, -1, -1, -1, -1, -1};
    bool hidden_ = false; // the frame that is being decoded is not shown
    // Times are taken for those of decoding when one of the first pictures comes out
    // with a later one than a picture behind it has.
    int suspicious_ = 16;
    bool sorting_ = false;
};

void Parser::parse(const CUVIDSOURCEDATAPACKET &packet) {
    if (packet.flags & CUVID_PKT_DISCONTINUITY) {
        finish();
    }
    if (packet.payload && packet.payload_size > 0) {
        if (pending_.empty()) {
            pending_time_ = packet.timestamp;
        }
        Bytes rest(packet.payload, packet.payload + packet.payload_size);
        bool whole = !has_nals(params_.CodecType), one = packet.flags & CUVID_PKT_ENDOFPICTURE;
        bool slices = false, done = false;
        // Does the gathered part have a picture already?
        for (const Nal &n : split_nals(pending_.data(), pending_.size())) {
            slices = slices || (!whole && inspect(params_.CodecType, &pending_[n.begin], n.end - n.begin).slice);
        }
        for (const Nal &n : whole ? std::vector<Nal>{} : split_nals(rest.data(), rest.size())) {
            NalInfo i = inspect(params_.CodecType, &rest[n.begin], n.end - n.begin);
            if (slices && i.starts) {
                finish();
                pending_time_ = packet.timestamp;
                slices = false;
                done = one; // of a packet that holds one picture further ones are dropped
            }
            if (done) {
                if (i.parameters) {
                    sets_.keep(i, &rest[n.begin], n.end - n.begin);
                }
                continue;
            }
            slices = slices || i.slice;
            pending_.insert(pending_.end(), rest.begin() + static_cast<ptrdiff_t>(n.start), rest.begin() + static_cast<ptrdiff_t>(n.end));
        }
        if (is_vpx(params_.CodecType)) {
            std::vector<Bytes> frames = params_.CodecType == cudaVideoCodec_VP9 ? split_superframe(rest) : std::vector<Bytes>{rest};
            frames.resize(one ? 1 : frames.size()); // of a packet that holds one picture the rest is dropped
            for (const Bytes &f : frames) {
                vpx_picture(f, packet.timestamp);
            }
            rest.clear();
        }
        if (whole) {
            pending_ = rest;
        }
        if (whole || one) {
            finish();
        }
    }
    if (packet.flags & CUVID_PKT_ENDOFSTREAM) {
        finish();
        flush();
        // Nothing is decoded until a sequence header comes again.
        begun_ = false;
        sets_.clear();
        if ((packet.flags & CUVID_PKT_NOTIFY_EOS) && params_.pfnDisplayPicture) {
            params_.pfnDisplayPicture(params_.pUserData, nullptr);
        }
    }
}

void Parser::finish() {
    Bytes data;
    data.swap(pending_);
    if (!data.empty()) {
        picture(data, pending_time_);
    }
}

void Parser::picture(const Bytes &in, CUvideotimestamp timestamp) {
    NalInfo first;
    bool any = false, header = false;
    for (const Nal &n : has_nals(params_.CodecType) ? split_nals(in.data(), in.size()) : std::vector<Nal>{}) {
        NalInfo i = inspect(params_.CodecType, &in[n.begin], n.end - n.begin);
        if (i.parameters) {
            sets_.keep(i, &in[n.begin], n.end - n.begin);
            header = header || i.sequence;
        }
        if (i.slice && !any) {
            any = true;
            first = i;
        }
    }
    Bytes data = in;
    if (has_nals(params_.CodecType)) {
        if (!any || sets_.sequences().empty()) {
            return; // no picture, or none that could be decoded
        }
        if (first.random || !begun_ || header) {
            data = sets_.all();
            data.insert(data.end(), in.begin(), in.end());
        }
        if (first.random || !begun_) {
            skip_leading_ = params_.CodecType == cudaVideoCodec_HEVC && (!begun_ || first.type <= 18);
        }
        if (first.skippable && skip_leading_) {
            return;
        }
    }
    PictureFacts f = facts(data);
    bool key = has_nals(params_.CodecType) ? first.random || header : f.intra;
    if ((key || !begun_) && !sequence(data, header)) {
        return;
    }
    if (first.resets) {
        bump(0);
    }
    std::vector<unsigned> slices;
    for (const Nal &n : has_nals(params_.CodecType) ? split_nals(data.data(), data.size()) : std::vector<Nal>{}) {
        if (inspect(params_.CodecType, &data[n.begin], n.end - n.begin).slice) {
            slices.push_back(static_cast<unsigned>(n.start));
        }
    }
    decode(data, first, f, slices, timestamp);
}

void Parser::vpx_picture(const Bytes &data, CUvideotimestamp timestamp) {
    VpxInfo v = inspect_vpx(params_.CodecType, data);
    if (!v.ok || (!v.key && !begun_)) {
        return;
    }
    if (v.repeats >= 0) {
        int index = slots_[static_cast<size_t>(v.repeats)];
        if (index >= 0 && params_.pfnDisplayPicture) {
            ready_.push_back({index, 0, timestamp, true, true});
            show(params_.ulMaxDisplayDelay);
        }
        return;
    }
    if (v.key && !sequence(data, false)) {
        return;
    }
    PictureFacts f;
    f.intra = v.key;
    hidden_ = !v.shown;
    int index = decode(data, NalInfo{}, f, {}, timestamp);
    hidden_ = false;
    for (size_t i = 0; i < slots_.size(); i++) {
        if (v.refresh >> i & 1) {
            slots_[i] = index;
        }
    }
}

// Calls back for a sequence that is new, or that is announced again.
bool Parser::sequence(const Bytes &data, bool repeated) {
    Bytes made_from = has_nals(params_.CodecType) ? sets_.sequences() : data;
    bool changed = made_from != active_;
    if (begun_ && !changed && !repeated) {
        return true;
    }
    Sequence s = current_;
    if (changed && !probe(params_.CodecType, data.data(), data.size(), &s)) {
        return begun_; // too broken to say; what was there goes on
    }
    if (!has_nals(params_.CodecType) && begun_ && std::equal(reinterpret_cast<char *>(&s.format), reinterpret_cast<char *>(&s.format + 1), reinterpret_cast<char *>(&current_.format))) {
        active_ = made_from;
        return true; // every picture is a key picture: only changes are told
    }
    flush(); // the old pictures come first
    active_ = made_from;
    current_ = s;
    CUVIDEOFORMAT told = s.format;
    int result = params_.pfnSequenceCallback ? params_.pfnSequenceCallback(params_.pUserData, &told) : 1;
    if (result <= 0) {
        begun_ = false;
        refused = true;
        active_.clear();
        return false;
    }
    if (result > 1) {
        if (result > max_surfaces || result < s.format.min_num_decode_surfaces) {
            violation("sequence callback: %d surfaces, the stream needs %d to %d", result, s.format.min_num_decode_surfaces, max_surfaces);
        }
        surfaces_ = std::clamp(result, 1, max_surfaces);
    }
    next_ = 0;
    slots_.fill(-1);
    begun_ = true;
    return true;
}

PictureFacts Parser::facts(const Bytes &data) {
    PictureFacts f;
    f.intra = !has_nals(params_.CodecType);
    if (!parser_) {
        return f;
    }
    Bytes padded = data;
    padded.resize(data.size() + AV_INPUT_BUFFER_PADDING_SIZE);
    uint8_t *out = nullptr;
    int size = 0;
    av_parser_parse2(parser_, context_, &out, &size, padded.data(), static_cast<int>(data.size()), AV_NOPTS_VALUE, AV_NOPTS_VALUE, 0);
    f.order = parser_->output_picture_number;
    f.intra = parser_->pict_type == AV_PICTURE_TYPE_I || (!has_nals(params_.CodecType) && parser_->key_frame == 1);
    if (params_.CodecType == cudaVideoCodec_H264) {
        f.bottom = parser_->picture_structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD;
        f.field = f.bottom || parser_->picture_structure == AV_PICTURE_STRUCTURE_TOP_FIELD;
    }
    return f;
}

// Returns the surface.
int Parser::decode(const Bytes &data, const NalInfo &first, const PictureFacts &f, const std::vector<unsigned> &slices,
                   CUvideotimestamp timestamp) {
    bool second = f.field && open_field_ >= 0;
    int index = second ? open_field_ : free_index();
    open_field_ = f.field && !second ? index : -1;

    CUVIDPICPARAMS p = {};
    const CUVIDEOFORMAT &format = current_.format;
    p.PicWidthInMbs = static_cast<int>(format.coded_width + 15) / 16;
    p.FrameHeightInMbs = static_cast<int>(format.coded_height + 15) / 16;
    p.CurrPicIdx = index;
    p.field_pic_flag = f.field;
    p.bottom_field_flag = f.bottom;
    p.second_field = second;
    p.nBitstreamDataLen = static_cast<unsigned>(data.size());
    p.pBitstreamData = data.data();
    p.nNumSlices = static_cast<unsigned>(slices.size());
    p.pSliceDataOffsets = slices.data();
    p.ref_pic_flag = first.reference;
    p.intra_pic_flag = f.intra;
    if (!params_.pfnDecodePicture || params_.pfnDecodePicture(params_.pUserData, &p) <= 0 || !params_.pfnDisplayPicture) {
        return index;
    }
    if (second || hidden_) { // the frame waits already, or never will
        return index;
    }
    reorder_.push_back({index, f.order, timestamp, !f.field, !f.bottom});
    bump(static_cast<size_t>(current_.reorder));
    return index;
}

// A surface that nobody waits for.
int Parser::free_index() {
    for (;;) {
        for (int i = 0; i < surfaces_; i++) {
            int index = (next_ + i) % surfaces_;
            auto same = [&](const Waiting &w) { return w.index == index; };
            if (std::find(slots_.begin(), slots_.end(), index) == slots_.end() && std::none_of(reorder_.begin(), reorder_.end(), same) && std::none_of(ready_.begin(), ready_.end(), same)) {
                next_ = (index + 1) % surfaces_;
                return index;
            }
        }
        if (!ready_.empty()) {
            show(ready_.size() - 1);
        } else if (!reorder_.empty()) {
            bump(reorder_.size() - 1);
        } else {
            slots_.fill(-1); // fewer surfaces than the stream needs: it has been said
        }
    }
}

// Moves pictures in their order to the display until so many are held back.
void Parser::bump(size_t keep) {
    while (reorder_.size() > keep) {
        auto first = std::min_element(reorder_.begin(), reorder_.end(), [](const Waiting &a, const Waiting &b) { return a.order < b.order; });
        ready_.push_back(*first);
        reorder_.erase(first);
        sort_times(&ready_.back());
    }
    show(params_.ulMaxDisplayDelay);
}

// The real parser repairs what it takes for decoding times: the picture gets the
// earliest time of those held back, which gets the picture's.
void Parser::sort_times(Waiting *next) {
    if (!sorting_ && suspicious_ == 0) {
        return;
    }
    suspicious_ = std::max(0, suspicious_ - 1);
    auto first = std::min_element(reorder_.begin(), reorder_.end(), [](const Waiting &a, const Waiting &b) { return a.timestamp < b.timestamp; });
    if (first != reorder_.end() && first->timestamp < next->timestamp) {
        sorting_ = true;
        std::swap(first->timestamp, next->timestamp);
    }
}

void Parser::show(size_t keep) {
    while (ready_.size() > keep) {
        Waiting w = ready_.front();
        CUVIDPARSERDISPINFO info = {};
        info.picture_index = w.index;
        info.progressive_frame = w.progressive;
        info.top_field_first = w.top_first;
        info.timestamp = w.timestamp;
        params_.pfnDisplayPicture(params_.pUserData, &info);
        ready_.pop_front();
    }
}

void Parser::flush() {
    bump(0);
    show(0);
}

} // namespace

FP_EXPORT CUresult cuvidCreateVideoParser(CUvideoparser *parser, CUVIDPARSERPARAMS *params) {
    Call call("cuvidCreateVideoParser", Call::initialized);
    if (call.failed()) {
        return call.result;
    }
    if (codec_id(params->CodecType) == AV_CODEC_ID_NONE) {
        return FP_CUDA_ERROR_NOT_SUPPORTED;
    }
    bool dirty = params->uReserved != 0 || !params->pfnSequenceCallback || !params->pfnDecodePicture;
    for (void *p : params->pvReserved2) {
        dirty = dirty || p != nullptr;
    }
    if (dirty || params->ulMaxNumDecodeSurfaces == 0 || params->ulErrorThreshold > 100) {
        violation("cuvidCreateVideoParser: callbacks are missing, or fields out of range or not zero");
        return FP_CUDA_ERROR_INVALID_VALUE;
    }
    *parser = handle_of<CUvideoparser>(add(std::make_shared<Parser>(*params)));
    return ok;
}

FP_EXPORT CUresult cuvidParseVideoData(CUvideoparser parser, CUVIDSOURCEDATAPACKET *packet) {
    Call call("cuvidParseVideoData", Call::initialized);
    if (call.failed()) {
        return call.result;
    }
    auto p = find<Parser>(parser, Kind::parser, call.name);
    if (!p) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    if (p->busy) {
        violation("cuvidParseVideoData: another call is at work on this parser");
        return CUDA_ERROR_UNKNOWN;
    }
    if (p->refused) {
        return CUDA_ERROR_UNKNOWN; // for good
    }
    p->busy = true;
    call.lock.unlock();
    p->parse(*packet); // pictures that fail are not reported, as by the real one
    call.lock.lock();
    p->busy = false;
    return p->refused ? CUDA_ERROR_UNKNOWN : ok;
}

FP_EXPORT CUresult cuvidDestroyVideoParser(CUvideoparser parser) {
    Call call("cuvidDestroyVideoParser", Call::initialized);
    if (call.failed()) {
        return call.result;
    }
    auto p = find<Parser>(parser, Kind::parser, call.name);
    if (!p) {
        return FP_CUDA_ERROR_INVALID_HANDLE;
    }
    if (p->busy) {
        violation("cuvidDestroyVideoParser: the parser is at work");
        return CUDA_ERROR_UNKNOWN;
    }
    remove(p->id);
    return ok;
}

} // namespace sim
