#include "nvdec.h"

#include <string.h>

// Note: [Shown pictures]
// The frames' slots, the caller's choice of pictures and their times are known in
// Go, and callbacks must not leave C. So a picture whose turn has come is only
// noted, and taken when the parser has returned: the parser sees an access unit at
// a time, so that there is one picture that could meanwhile be decoded into a
// noted one's surface. That one is mapped before it is overwritten.
//
// A change of format never finds noted pictures: Go ends the stream before it hands
// over another sequence parameter set.
//
// Note: [No timestamps]
// The parser has none from us. From those of the first pictures it judges whether
// they are times of presentation, and otherwise deals them out again in rising order
// (NVIDIA's Vulkan parser, of the same descent: m_bFilterTimestamps), so that tokens,
// which rise in the order of decoding, would end at the wrong B pictures. The token of
// a picture is that of the call that it was decoded in, because the end of a picture
// is marked, and is found by its surface.

static int fail(fp_nvdec *d, const char *op, CUresult r) {
	if (d->failed == CUDA_SUCCESS) {
		d->failed = r;
		d->failed_op = op;
	}
	return 0;
}

static int same_format(const CUVIDEOFORMAT *a, const CUVIDEOFORMAT *b) {
	return a->codec == b->codec && a->coded_width == b->coded_width && a->coded_height == b->coded_height &&
	       a->chroma_format == b->chroma_format && a->bit_depth_luma_minus8 == b->bit_depth_luma_minus8 &&
	       a->display_area.left == b->display_area.left && a->display_area.top == b->display_area.top &&
	       a->display_area.right == b->display_area.right && a->display_area.bottom == b->display_area.bottom &&
	       a->min_num_decode_surfaces <= b->min_num_decode_surfaces;
}

static int CUDAAPI on_sequence(void *user, CUVIDEOFORMAT *format) {
	fp_nvdec *d = user;
	if (!d->decoder || !same_format(format, &d->setup.format)) {
		d->mismatch = 1;
		return 0;
	}
	return d->setup.surfaces;
}

// Notes the damage of a picture that the decoder is through with.
static void judge(fp_nvdec *d, int index) {
	fp_nvdec_picture *p = &d->pictures[index];
	if (!p->unjudged) {
		return;
	}
	p->unjudged = 0;
	CUVIDGETDECODESTATUS status;
	memset(&status, 0, sizeof status);
	if (!d->cuvid->cuvidGetDecodeStatus ||
	    d->cuvid->cuvidGetDecodeStatus(d->decoder, index, &status) != CUDA_SUCCESS) {
		return; // no such function, or not for this codec
	}
	int bad = status.decodeStatus == cuvidDecodeStatus_Error || status.decodeStatus == cuvidDecodeStatus_Error_Concealed;
	if (bad && d->damaged_count < FP_NVDEC_SURFACES) {
		d->damaged[d->damaged_count++] = p->token;
	}
}

static CUresult map(fp_nvdec *d, fp_nvdec_shown *s) {
	CUVIDPROCPARAMS p;
	memset(&p, 0, sizeof p);
	p.progressive_frame = s->progressive;
	p.top_field_first = s->top_first;
	p.unpaired_field = s->unpaired;
	p.output_stream = d->stream;
	CUresult r = d->cuvid->cuvidMapVideoFrame64(d->decoder, s->index, &s->address, &s->pitch, &p);
	if (r != CUDA_SUCCESS) {
		s->address = 0;
		return r;
	}
	d->mapped = s->address;
	// The picture is decoded, and with it all that came before.
	for (int i = 0; i < FP_NVDEC_SURFACES; i++) {
		if (d->pictures[i].order <= s->order) {
			judge(d, i);
		}
	}
	return r;
}

// Saves a noted picture whose surface will be overwritten. See Note: [Shown pictures].
static void save(fp_nvdec *d, int index) {
	for (int i = 0; i < d->shown_count; i++) {
		fp_nvdec_shown *s = &d->shown[i];
		if (s->index != index || s->lost || s->address) {
			continue;
		}
		if (d->mapped || map(d, s) != CUDA_SUCCESS) {
			s->lost = 1;
		}
	}
}

static void note(fp_nvdec *d, int index, int64_t token, int progressive, int top_first, int unpaired) {
	if (d->shown_count == FP_NVDEC_QUEUE) {
		return; // more than the parser can hold back
	}
	fp_nvdec_shown *s = &d->shown[d->shown_count++];
	memset(s, 0, sizeof *s);
	s->token = token;
	s->index = index;
	s->order = d->pictures[index].order;
	s->progressive = progressive;
	s->top_first = top_first;
	s->unpaired = unpaired;
}

static int CUDAAPI on_picture(void *user, CUVIDPICPARAMS *p) {
	fp_nvdec *d = user;
	int index = p->CurrPicIdx;
	// The decoder must not see pictures of another size than it was made for.
	if (d->mismatch || !d->decoder || index < 0 || index >= d->setup.surfaces) {
		d->mismatch = 1;
		return 0;
	}
	if (!p->second_field) {
		save(d, index);
		judge(d, index);
	}
	CUresult r = d->cuvid->cuvidDecodePicture(d->decoder, p);
	if (r != CUDA_SUCCESS) {
		return fail(d, "cuvidDecodePicture", r);
	}
	d->decoded++;
	d->pictures[index].order = ++d->order;
	d->pictures[index].unjudged = 1;
	if (!p->second_field) {
		d->pictures[index].token = d->token;
	}
	if (d->no_reorder && (!p->field_pic_flag || p->second_field)) {
		note(d, index, d->pictures[index].token, !p->field_pic_flag, !p->bottom_field_flag, 0);
	}
	return 1;
}

static int CUDAAPI on_display(void *user, CUVIDPARSERDISPINFO *info) {
	fp_nvdec *d = user;
	if (!info) {
		return 1; // the end of the stream
	}
	if (info->picture_index < 0 || info->picture_index >= FP_NVDEC_SURFACES) {
		d->mismatch = 1;
		return 0;
	}
	int64_t token = d->pictures[info->picture_index].token;
	if (d->codec == cudaVideoCodec_VP9 && !d->decoded && d->token) {
		token = d->token; // the unit only says that this picture is to be shown now
	}
	note(d, info->picture_index, token, info->progressive_frame, info->top_field_first, info->repeat_first_field < 0);
	return 1;
}

static void parser_params(CUVIDPARSERPARAMS *p, cudaVideoCodec codec) {
	memset(p, 0, sizeof *p);
	p->CodecType = codec;
	p->ulMaxNumDecodeSurfaces = 1; // until the sequence callback says how many
	p->ulErrorThreshold = 100;     // always decode: the status tells
	p->ulMaxDisplayDelay = 0;
}

static CUresult open_parser(fp_nvdec *d) {
	CUVIDPARSERPARAMS p;
	parser_params(&p, d->codec);
	p.pUserData = d;
	p.pfnSequenceCallback = on_sequence;
	p.pfnDecodePicture = on_picture;
	p.pfnDisplayPicture = d->no_reorder ? NULL : on_display;
	CUresult r = d->cuvid->cuvidCreateVideoParser(&d->parser, &p);
	if (r != CUDA_SUCCESS) {
		d->parser = NULL;
	}
	return r;
}

// Hands the parser one picture, or the end of the stream for data == NULL. After the
// end of a picture the parser drops what a packet still holds: each field has its own.
static CUresult feed(fp_nvdec *d, const uint8_t *data, size_t size) {
	CUVIDSOURCEDATAPACKET packet;
	memset(&packet, 0, sizeof packet);
	packet.flags = data ? CUVID_PKT_ENDOFPICTURE : CUVID_PKT_ENDOFSTREAM; // see Note: [No timestamps]
	packet.payload = data;
	packet.payload_size = size;
	return d->cuvid->cuvidParseVideoData(d->parser, &packet);
}

// Unmaps what nobody took, or what could not be unmapped.
static CUresult clear(fp_nvdec *d) {
	if (!d->mapped) {
		return CUDA_SUCCESS;
	}
	CUresult r = d->cuvid->cuvidUnmapVideoFrame64(d->decoder, d->mapped);
	if (r == CUDA_SUCCESS) {
		d->mapped = 0; // otherwise the next one tries again
	}
	return r;
}

static CUresult parse(fp_nvdec *d, const uint8_t *data, size_t size, size_t second) {
	CUresult r = clear(d);
	if (r == CUDA_SUCCESS && !d->parser) {
		if (!data) {
			return r; // nothing was begun
		}
		r = open_parser(d);
	}
	if (r == CUDA_SUCCESS) {
		r = feed(d, data, second ? second : size);
	}
	if (r == CUDA_SUCCESS && second && !d->mismatch) {
		r = feed(d, data + second, size - second);
	}
	if (d->mismatch && d->parser) { // one whose sequence was refused takes nothing more
		CUresult gone = d->cuvid->cuvidDestroyVideoParser(d->parser);
		d->parser = NULL;
		r = r == CUDA_SUCCESS ? gone : r;
	}
	return r;
}

int fp_nvdec_parse(fp_nvdec *d, const uint8_t *data, size_t size, size_t second, int64_t token) {
	d->shown_count = d->damaged_count = d->decoded = d->mismatch = 0;
	d->failed = CUDA_SUCCESS;
	d->failed_op = NULL;
	d->token = token;
	CUresult r = fp_push(d->cu, d->context);
	if (r != CUDA_SUCCESS) {
		return r;
	}
	return fp_pop_after(d->cu, parse(d, data, size, second));
}

int fp_nvdec_map(fp_nvdec *d, int n, unsigned long long *address, unsigned int *pitch) {
	fp_nvdec_shown *s = &d->shown[n];
	CUresult r = CUDA_SUCCESS;
	if (!s->address) {
		r = fp_push(d->cu, d->context);
		if (r != CUDA_SUCCESS) {
			return r;
		}
		d->damaged_count = 0;
		r = fp_pop_after(d->cu, map(d, s));
	}
	*address = s->address;
	*pitch = s->pitch;
	return r;
}

int fp_nvdec_unmap(fp_nvdec *d) {
	if (!d->mapped) {
		return CUDA_SUCCESS;
	}
	CUresult r = fp_push(d->cu, d->context);
	if (r != CUDA_SUCCESS) {
		return r;
	}
	return fp_pop_after(d->cu, clear(d));
}

static CUresult copy(fp_nvdec *d, uint64_t from, size_t from_pitch, uint64_t to, size_t to_pitch, size_t rows) {
	CUDA_MEMCPY2D c;
	memset(&c, 0, sizeof c);
	c.srcMemoryType = c.dstMemoryType = CU_MEMORYTYPE_DEVICE;
	c.srcDevice = from;
	c.srcPitch = from_pitch;
	c.dstDevice = to;
	c.dstPitch = to_pitch;
	c.WidthInBytes = (size_t)d->setup.width;
	c.Height = rows;
	return d->cu->cuMemcpy2DAsync(&c, d->stream);
}

int fp_nvdec_copy(fp_nvdec *d, unsigned long long address, unsigned int pitch, uint64_t luma, uint64_t chroma,
                  size_t to_pitch, void *ready) {
	CUresult r = fp_push(d->cu, d->context);
	if (r != CUDA_SUCCESS) {
		return r;
	}
	size_t rows = (size_t)d->setup.height; // even, so that chroma follows at once
	int together = chroma == luma + (uint64_t)to_pitch * rows;
	r = copy(d, address, pitch, luma, to_pitch, together ? rows / 2 * 3 : rows);
	if (r == CUDA_SUCCESS && !together) {
		r = copy(d, address + (uint64_t)pitch * rows, pitch, chroma, to_pitch, rows / 2);
	}
	if (r == CUDA_SUCCESS) {
		r = d->cu->cuEventRecord(ready, d->stream);
	}
	return fp_pop_after(d->cu, r);
}

// What a probe has found.
typedef struct probe {
	CUVIDEOFORMAT format;
	int found;
} probe;

static int CUDAAPI probe_sequence(void *user, CUVIDEOFORMAT *format) {
	probe *p = user;
	p->format = *format;
	p->found = 1;
	return format->min_num_decode_surfaces > 0 ? format->min_num_decode_surfaces : 1;
}

static int CUDAAPI probe_picture(void *user, CUVIDPICPARAMS *params) {
	(void)user;
	(void)params;
	return 1;
}

static fp_nvdec_facts facts_of(const CUVIDEOFORMAT *f) {
	fp_nvdec_facts facts = {
		.chroma = (int)f->chroma_format,
		.luma_depth = f->bit_depth_luma_minus8 + 8,
		.chroma_depth = f->bit_depth_chroma_minus8 + 8,
		.coded_width = (int)f->coded_width,
		.coded_height = (int)f->coded_height,
		.left = f->display_area.left,
		.top = f->display_area.top,
		.right = f->display_area.right,
		.bottom = f->display_area.bottom,
		.min_surfaces = f->min_num_decode_surfaces,
		.full_range = f->video_signal_description.video_full_range_flag,
		.matrix = f->video_signal_description.matrix_coefficients,
	};
	return facts;
}

int fp_nvdec_probe(fp_nvdec *d, const uint8_t *data, size_t size, CUVIDEOFORMAT *format, fp_nvdec_facts *facts,
                   int *found) {
	CUresult r = fp_push(d->cu, d->context);
	if (r != CUDA_SUCCESS) {
		return r;
	}
	probe result;
	memset(&result, 0, sizeof result);
	CUVIDPARSERPARAMS p;
	parser_params(&p, d->codec);
	p.pUserData = &result;
	p.pfnSequenceCallback = probe_sequence;
	p.pfnDecodePicture = probe_picture;
	CUvideoparser parser = NULL;
	r = d->cuvid->cuvidCreateVideoParser(&parser, &p);
	if (r == CUDA_SUCCESS) {
		CUVIDSOURCEDATAPACKET packet;
		memset(&packet, 0, sizeof packet);
		packet.flags = CUVID_PKT_ENDOFPICTURE;
		packet.payload = data;
		packet.payload_size = size;
		r = d->cuvid->cuvidParseVideoData(parser, &packet);
		CUresult gone = d->cuvid->cuvidDestroyVideoParser(parser);
		r = r == CUDA_SUCCESS ? gone : r;
	}
	*format = result.format;
	*facts = facts_of(&result.format);
	*found = result.found;
	return fp_pop_after(d->cu, r);
}
