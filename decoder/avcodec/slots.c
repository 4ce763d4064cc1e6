#include "slots.h"

#include <endian.h>
#include <stdatomic.h>

#include <libavutil/buffer.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>

struct fp_slot {
	fp_slots *slots;
	atomic_int taken;
	uint64_t generation; // readers can write to the region: this one counts
};

struct fp_slots {
	uint8_t *base;
	fp_layout layout;
	int next; // where the search begins: in turn, so that a generation changes as late as it can
	atomic_int out;
	struct fp_slot slot[];
};

fp_slots *fp_slots_new(uint8_t *base, const fp_layout *layout)
{
	fp_slots *s = av_mallocz(sizeof(*s) + (size_t)layout->count * sizeof(s->slot[0]));
	if (!s)
		return NULL;
	s->base = base;
	s->layout = *layout;
	for (int i = 0; i < layout->count; i++)
		s->slot[i].slots = s;
	return s;
}

void fp_slots_free(fp_slots *s) { av_free(s); }

int fp_slots_out(fp_slots *s) { return atomic_load(&s->out); }

uint64_t fp_slots_generation(const fp_slots *s, int slot) { return s->slot[slot].generation; }

int fp_slots_fit(const fp_slots *s, const AVFrame *frame)
{
	return (frame->format == AV_PIX_FMT_YUV420P || frame->format == AV_PIX_FMT_YUVJ420P) &&
	       frame->width == s->layout.width && frame->height == s->layout.height;
}

// give_back runs on the thread that dropped the last reference. When the count is
// down, somebody else may free the slots: that is the last access.
static void give_back(void *opaque, uint8_t *data)
{
	struct fp_slot *slot = opaque;
	fp_slots *s = slot->slots;
	(void)data;
	atomic_store(&slot->taken, 0);
	atomic_fetch_sub(&s->out, 1);
}

int fp_slots_take(fp_slots *s, AVFrame *frame)
{
	const fp_layout *l = &s->layout;
	for (int tried = 0; tried < l->count; tried++) {
		int i = l->lowest ? tried : (s->next + tried) % l->count;
		struct fp_slot *slot = &s->slot[i];
		uint8_t *data = s->base + i * l->stride;
		if (atomic_load(&slot->taken))
			continue;
		frame->buf[0] = av_buffer_create(data, (size_t)l->stride, give_back, slot, 0);
		if (!frame->buf[0])
			return AVERROR(ENOMEM);
		s->next = (i + 1) % l->count;
		atomic_store(&slot->taken, 1);
		atomic_fetch_add(&s->out, 1);
		// Whoever still reads the picture before must see this before its pixels change.
		__atomic_store_n((uint64_t *)(data + l->generation), htole64(++slot->generation), __ATOMIC_SEQ_CST);
		atomic_thread_fence(memory_order_seq_cst);
		for (int p = 0; p < 3; p++) {
			frame->data[p] = data + l->offset[p];
			frame->linesize[p] = l->pitch[p];
		}
		frame->extended_data = frame->data;
		return i;
	}
	return AVERROR(EAGAIN);
}
