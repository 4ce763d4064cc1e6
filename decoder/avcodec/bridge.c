#include "bridge.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

// An input buffer that had to grow beyond this is not kept.
#define KEEP_INPUT (1 << 20)

struct fp_private {
	AVCodecContext *ctx;
	AVPacket *packet;
	AVBufferRef *input; // the access unit with libavcodec's padding, reused
	int max_width, max_height, max_pixels;
	int gaps_allowed;
	fp_slots *slots;
	int coded_width, coded_height;

	struct SwsContext *sws; // made for:
	int sws_src_w, sws_src_h, sws_dst_w, sws_dst_h;
	enum AVPixelFormat sws_format;
	int sws_full;
};

// Note: [Damage]
//
// libavcodec says that a picture is damaged in three ways: AV_FRAME_FLAG_CORRUPT,
// decode_error_flags, and only in its log. HEVC never sets the flags (a missing
// reference is filled with grey, a broken slice is skipped) and H.264 hides a gap
// in frame_num. So the log is read: with thread_count 1 everything that is logged
// during a call comes from the calling thread, and a thread-local pointer says
// which decoder that is. Only the messages below count, because cameras also
// cause errors that harm no picture (odd SEI, odd JPEG application segments).
// H.265 slice data that is cut short or changed, but can be parsed, leaves no
// trace at all: that must be known from the way the data came.
static const char *const damage_messages[] = {
	"concealing ",                         // error_resilience.c: missing macroblocks
	"bytestream overread",                 // h264_slice.c: the slice ends too early
	"error while decoding MB",             // h264_slice.c
	"Missing reference picture",           // h264_refs.c
	"reference picture missing",           // h264_refs.c
	"Could not find ref with POC",         // hevc/refs.c
	"Error constructing the ",             // hevc/hevcdec.c: reference lists
	"First slice in a frame missing",      // hevc/hevcdec.c
	"Previous slice segment missing",      // hevc/hevcdec.c
	"entry_point_offset table",            // hevc/hevcdec.c
	"error dc",                            // mjpegdec.c
	"error count: ",                       // mjpegdec.c
	"error y=",                            // mjpegdec.c
	"overread ",                           // mjpegdec.c
	"bitstream truncated",                 // mjpegdec.c
};

static _Thread_local fp_decoder *listening;

static void on_log(void *source, int level, const char *format, va_list args)
{
	fp_decoder *d = listening;
	(void)source;
	if (!d)
		return;
	if (level <= AV_LOG_ERROR && !d->message[0]) {
		va_list copy;
		va_copy(copy, args);
		vsnprintf(d->message, sizeof(d->message), format, copy);
		va_end(copy);
		d->message[strcspn(d->message, "\r\n")] = 0;
	}
	if (d->damage)
		return;
	for (size_t i = 0; i < sizeof(damage_messages) / sizeof(damage_messages[0]); i++)
		if (!strncmp(format, damage_messages[i], strlen(damage_messages[i])))
			d->damage = 1;
	if (!strncmp(format, "Frame num gap", 13) && !d->private_data->gaps_allowed)
		d->damage = 1;
	if (!strncmp(format, "Skipping invalid undecodable NALU", 33)) {
		va_list copy;
		va_copy(copy, args);
		if (va_arg(copy, int) < 32) // a slice, not a parameter set or a message
			d->damage = 1;
		va_end(copy);
	}
}

static void quiet_once(void) { av_log_set_callback(on_log); }

void fp_quiet(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, quiet_once);
}

// within checks the coded size, and remembers one that is too large.
static int within(fp_decoder *d, int w, int h)
{
	const struct fp_private *p = d->private_data;
	if (w <= p->max_width && h <= p->max_height && (int64_t)w * h <= p->max_pixels)
		return 1;
	d->too_large = 1;
	d->large_width = w;
	d->large_height = h;
	return 0;
}

static enum AVPixelFormat get_format(AVCodecContext *ctx, const enum AVPixelFormat *formats)
{
	fp_decoder *d = ctx->opaque;
	int w = ctx->coded_width > ctx->width ? ctx->coded_width : ctx->width;
	int h = ctx->coded_height > ctx->height ? ctx->coded_height : ctx->height;
	if (!within(d, w, h))
		return AV_PIX_FMT_NONE;
	return avcodec_default_get_format(ctx, formats);
}

static int get_buffer(AVCodecContext *ctx, AVFrame *frame, int flags)
{
	fp_decoder *d = ctx->opaque;
	struct fp_private *p = d->private_data;
	if (!within(d, frame->width, frame->height))
		return AVERROR(EINVAL);
	p->coded_width = frame->width;
	p->coded_height = frame->height;
	if (p->slots && fp_slots_fit(p->slots, frame) && fp_slots_take(p->slots, frame) >= 0)
		return 0;
	return avcodec_default_get_buffer2(ctx, frame, flags);
}

fp_decoder *fp_attach(AVCodecContext *ctx, int max_width, int max_height, int max_pixels)
{
	fp_decoder *d = av_mallocz(sizeof(*d));
	struct fp_private *p = av_mallocz(sizeof(*p));
	AVPacket *packet = av_packet_alloc();
	if (!d || !p || !packet) {
		av_free(d);
		av_free(p);
		av_packet_free(&packet);
		return NULL;
	}
	d->private_data = p;
	p->ctx = ctx;
	p->packet = packet;
	p->max_width = max_width;
	p->max_height = max_height;
	p->max_pixels = max_pixels;
	ctx->opaque = d;
	ctx->get_format = get_format;
	ctx->get_buffer2 = get_buffer;
	// Pictures with errors come out flagged, and crops are exact to the pixel.
	ctx->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT | AV_CODEC_FLAG_UNALIGNED;
	ctx->thread_count = 1;
	return d;
}

void fp_free(fp_decoder *d)
{
	struct fp_private *p = d->private_data;
	sws_freeContext(p->sws);
	av_buffer_unref(&p->input);
	av_packet_free(&p->packet);
	av_free(p);
	av_free(d);
}

// load copies the access unit into a padded, counted buffer: libavcodec takes a
// reference on it instead of a second copy. The buffer is ours again when the
// decoder has let go, which it does during the call.
static int load(struct fp_private *p, const uint8_t *data, int size)
{
	size_t need = (size_t)size + AV_INPUT_BUFFER_PADDING_SIZE;
	if (!p->input || p->input->size < need || !av_buffer_is_writable(p->input)) {
		av_buffer_unref(&p->input);
		p->input = av_buffer_alloc(need < KEEP_INPUT / 2 ? need * 3 / 2 : need);
		if (!p->input)
			return AVERROR(ENOMEM);
	}
	memcpy(p->input->data, data, size);
	memset(p->input->data + size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
	p->packet->buf = av_buffer_ref(p->input);
	if (!p->packet->buf)
		return AVERROR(ENOMEM);
	p->packet->data = p->input->data;
	p->packet->size = size;
	return 0;
}

// kind says what has to be done with a picture of that format.
static int kind(enum AVPixelFormat format)
{
	const AVPixFmtDescriptor *desc;
	if (format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P)
		return FP_DIRECT;
	desc = av_pix_fmt_desc_get(format);
	if (!desc || desc->flags & AV_PIX_FMT_FLAG_HWACCEL || !sws_isSupportedInput(format))
		return FP_UNKNOWN;
	return desc->flags & AV_PIX_FMT_FLAG_RGB ? FP_RGB : FP_CONVERT;
}

// plain maps the deprecated full-range formats to the ones with a range field.
static enum AVPixelFormat plain(enum AVPixelFormat format, int *full)
{
	*full = 1;
	switch (format) {
	case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
	case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
	case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
	case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
	case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
	default:
		*full = 0;
		return format;
	}
}

static int receive(fp_decoder *d, AVFrame *out)
{
	fp_picture *pic = &d->picture;
	const AVBufferRef *buffer;
	int full, ret = avcodec_receive_frame(d->private_data->ctx, out);
	if (ret == AVERROR(EAGAIN) || ret == AVERROR_EOF)
		return 0;
	if (ret < 0) {
		if (!d->error)
			d->error = ret;
		return 0;
	}
	plain(out->format, &full);
	pic->layout = kind(out->format);
	pic->bytes = 0;
	for (int i = 0; i < 3; i++) {
		pic->plane[i] = out->data[i];
		pic->pitch[i] = out->linesize[i];
		buffer = av_frame_get_plane_buffer(out, i);
		pic->offset[i] = buffer ? out->data[i] - buffer->data : 0;
		// Pictures that are upside down in memory are turned by a conversion.
		if (pic->layout == FP_DIRECT && out->linesize[i] <= 0)
			pic->layout = FP_CONVERT;
	}
	for (int i = 0; i < AV_NUM_DATA_POINTERS && out->buf[i]; i++)
		pic->bytes += out->buf[i]->size;
	pic->start = out->buf[0] ? out->buf[0]->data : NULL;
	pic->coded_width = d->private_data->coded_width;
	pic->coded_height = d->private_data->coded_height;
	pic->width = out->width;
	pic->height = out->height;
	pic->token = out->pts;
	pic->matrix = out->colorspace;
	pic->full_range = full || out->color_range == AVCOL_RANGE_JPEG ? 1 : out->color_range == AVCOL_RANGE_MPEG ? 0 : -1;
	pic->corrupt = out->flags & AV_FRAME_FLAG_CORRUPT || out->decode_error_flags;
	pic->format_name = av_get_pix_fmt_name(out->format);
	return 1;
}

// used is the processor time of this thread in ns. With thread_count 1 libavcodec has no
// other.
static int64_t used(void)
{
	struct timespec t;
	return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) ? 0 : t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int fp_send(fp_decoder *d, const uint8_t *data, int size, int64_t token, int gaps_allowed, AVFrame *out)
{
	struct fp_private *p = d->private_data;
	int got = 0;
	int64_t before = used();
	d->damage = d->too_large = 0;
	d->message[0] = 0;
	p->gaps_allowed = gaps_allowed;
	listening = d;
	d->error = load(p, data, size);
	if (!d->error) {
		p->packet->pts = p->packet->dts = token;
		d->error = avcodec_send_packet(p->ctx, p->packet);
		got = receive(d, out);
	}
	av_packet_unref(p->packet);
	if (p->input && p->input->size > KEEP_INPUT)
		av_buffer_unref(&p->input);
	listening = NULL;
	d->spent += used() - before;
	return got;
}

int fp_receive(fp_decoder *d, AVFrame *out)
{
	int got;
	int64_t before = used();
	listening = d;
	got = receive(d, out);
	listening = NULL;
	d->spent += used() - before;
	return got;
}

void fp_end(fp_decoder *d)
{
	d->error = d->damage = d->too_large = 0;
	d->message[0] = 0;
	listening = d;
	avcodec_send_packet(d->private_data->ctx, NULL);
	listening = NULL;
}

void fp_flush(fp_decoder *d) { avcodec_flush_buffers(d->private_data->ctx); }

static int prepare(struct fp_private *p, const AVFrame *src, int w, int h)
{
	int full, flags = SWS_BILINEAR | SWS_ACCURATE_RND;
	enum AVPixelFormat format = plain(src->format, &full);
	const int *table;
	struct SwsContext *c;
	full |= src->color_range == AVCOL_RANGE_JPEG;
	if (kind(src->format) == FP_RGB)
		full = 1; // RGB becomes BT.601 full range, as in JPEG
	if (p->sws && p->sws_src_w == src->width && p->sws_src_h == src->height && p->sws_dst_w == w && p->sws_dst_h == h &&
	    p->sws_format == format && p->sws_full == full)
		return 0;
	sws_freeContext(p->sws);
	p->sws = NULL;
	if (!(c = sws_alloc_context()))
		return AVERROR(ENOMEM);
	av_opt_set_int(c, "srcw", src->width, 0);
	av_opt_set_int(c, "srch", src->height, 0);
	av_opt_set_int(c, "src_format", format, 0);
	av_opt_set_int(c, "dstw", w, 0);
	av_opt_set_int(c, "dsth", h, 0);
	av_opt_set_int(c, "dst_format", AV_PIX_FMT_YUV420P, 0);
	av_opt_set_int(c, "sws_flags", flags, 0);
	av_opt_set_int(c, "src_range", full, 0);
	av_opt_set_int(c, "dst_range", full, 0);
	av_opt_set(c, "sws_dither", "none", 0);
	if (sws_init_context(c, NULL, NULL) < 0) {
		sws_freeContext(c);
		return AVERROR(EINVAL);
	}
	// Range and matrix go through untouched: the frame says what they are.
	table = sws_getCoefficients(SWS_CS_ITU601);
	sws_setColorspaceDetails(c, table, full, table, full, 0, 1 << 16, 1 << 16);
	p->sws = c;
	p->sws_src_w = src->width;
	p->sws_src_h = src->height;
	p->sws_dst_w = w;
	p->sws_dst_h = h;
	p->sws_format = format;
	p->sws_full = full;
	return 0;
}

int fp_convert(fp_decoder *d, const AVFrame *src, int w, int h, uint8_t *y, int y_pitch, uint8_t *u, int u_pitch,
	       uint8_t *v, int v_pitch)
{
	uint8_t *dst[4] = {y, u, v, NULL};
	int pitch[4] = {y_pitch, u_pitch, v_pitch, 0};
	int64_t before = used();
	int ret = prepare(d->private_data, src, w, h);
	if (ret < 0)
		return ret;
	ret = sws_scale(d->private_data->sws, (const uint8_t *const *)src->data, src->linesize, 0, src->height, dst, pitch);
	d->spent += used() - before;
	return ret == h ? 0 : ret < 0 ? ret : AVERROR_EXTERNAL;
}

void fp_use(fp_decoder *d, fp_slots *slots) { d->private_data->slots = slots; }

void fp_align(fp_decoder *d, int *w, int *h)
{
	int align[AV_NUM_DATA_POINTERS];
	avcodec_align_dimensions2(d->private_data->ctx, w, h, align);
}

int fp_delay(const fp_decoder *d) { return d->private_data->ctx->has_b_frames; }

void fp_skip_non_reference(AVCodecContext *ctx, int on) { ctx->skip_frame = on ? AVDISCARD_NONREF : AVDISCARD_DEFAULT; }

int fp_tune_allocator(int arenas, int mmap_threshold)
{
#ifdef __GLIBC__
	return mallopt(M_ARENA_MAX, arenas) && mallopt(M_MMAP_THRESHOLD, mmap_threshold) &&
	       mallopt(M_TRIM_THRESHOLD, 2 * mmap_threshold);
#else
	(void)arenas;
	(void)mmap_threshold;
	return 0;
#endif
}
