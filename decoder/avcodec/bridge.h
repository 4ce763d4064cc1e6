// The C side of package avcodec: one decoder, driven one picture a call.
//
// libavcodec's callbacks, its reference counting and its log stay on this side.
// Go reads what a call found out from the public part of fp_decoder, which is C
// memory, so no Go memory has to be passed for results.
#ifndef FP_AVCODEC_BRIDGE_H
#define FP_AVCODEC_BRIDGE_H

#include <stdint.h>

#include <libavcodec/avcodec.h>

#include "slots.h"

// How a decoded picture can be used.
enum {
	FP_DIRECT = 0,  // 8-bit planar 4:2:0: its planes are a frame as they are
	FP_CONVERT = 1, // fp_convert makes 8-bit planar 4:2:0 from it
	FP_RGB = 2,     // the same, and it becomes BT.601 full range
	FP_UNKNOWN = 3, // nothing here can convert it
};

typedef struct {
	uint8_t *plane[3];
	int pitch[3];
	int width, height; // displayed size
	int64_t token;     // of the access unit it came from, AV_NOPTS_VALUE if lost
	int64_t bytes;     // of the buffers it holds
	uint8_t *start;    // of the first buffer
	int64_t offset[3]; // of the planes from the beginning of their buffers
	int coded_width, coded_height; // of the buffer that libavcodec asked for last
	int layout;        // FP_DIRECT ...
	int matrix;        // enum AVColorSpace
	int full_range;    // 1 full, 0 limited, -1 unspecified
	int corrupt;       // libavcodec flagged it
	const char *format_name;
} fp_picture;

typedef struct {
	fp_picture picture;  // of the last call that returned 1
	int error;           // of the last fp_send, AVERROR or 0
	int damage;          // the last fp_send concealed something or missed a reference
	int too_large;       // the last fp_send met a picture beyond the limits:
	int large_width, large_height;
	char message[160];   // libavcodec's own words about the last error, or empty
	int64_t spent;       // processor time of all calls that decode or convert, in ns
	struct fp_private *private_data;
} fp_decoder;

// fp_attach prepares an allocated, not yet opened context and returns the decoder
// around it, or NULL without memory. The context stays the caller's.
fp_decoder *fp_attach(AVCodecContext *ctx, int max_width, int max_height, int max_pixels);

// fp_free frees what fp_attach made. The context must be freed before.
void fp_free(fp_decoder *d);

// fp_send hands over one access unit and takes the first picture that is ready.
// It returns 1 when out holds one, else 0; d->error says how sending went.
// gaps_allowed: a gap in frame_num is no loss in this stream.
int fp_send(fp_decoder *d, const uint8_t *data, int size, int64_t token, int gaps_allowed, AVFrame *out);

// fp_receive takes the next picture: 1, or 0 when there is none.
int fp_receive(fp_decoder *d, AVFrame *out);

// fp_end begins draining; fp_receive then gives what reordering holds back.
void fp_end(fp_decoder *d);

// fp_flush empties the decoder; it takes a random-access unit next.
void fp_flush(fp_decoder *d);

// fp_convert makes a w x h picture in 8-bit planar 4:2:0 from src.
int fp_convert(fp_decoder *d, const AVFrame *src, int w, int h, uint8_t *y, int y_pitch, uint8_t *u, int u_pitch,
	       uint8_t *v, int v_pitch);

// fp_use makes libavcodec decode into free slots where its pictures fit, and into
// memory of its own otherwise; NULL: always. What is out of other slots stays there.
void fp_use(fp_decoder *d, fp_slots *slots);

// fp_align gives the size that a buffer must have for libavcodec's pictures of w x h.
void fp_align(fp_decoder *d, int *w, int *h);

// fp_delay is by how many pictures libavcodec reorders.
int fp_delay(const fp_decoder *d);

void fp_skip_non_reference(AVCodecContext *ctx, int on);

// fp_quiet keeps libavcodec from writing to the standard error.
void fp_quiet(void);

// fp_tune_allocator: see TuneAllocator. 1 when this C library can be told.
int fp_tune_allocator(int arenas, int mmap_threshold);

#endif
