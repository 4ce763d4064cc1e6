// Slots of a region that other processes map: pictures are decoded into them, and
// stay there as long as somebody holds a reference.
//
// One thread takes slots. They come back from any thread, with the last reference on
// the picture.
#ifndef FP_AVCODEC_SLOTS_H
#define FP_AVCODEC_SLOTS_H

#include <stdint.h>

#include <libavutil/frame.h>

typedef struct fp_slots fp_slots;

// All numbers are bytes but for width, height and count.
typedef struct {
	int width, height; // of the buffers that libavcodec asks for
	int pitch[3];
	int64_t offset[3];  // of the planes in the slot
	int64_t generation; // where it lies in the slot
	int64_t stride;     // from slot to slot
	int count;
	int lowest; // take the first free slot, so that few are ever used
} fp_layout;

// fp_slots_new returns the slots of the memory at base, or NULL without memory.
fp_slots *fp_slots_new(uint8_t *base, const fp_layout *layout);

// fp_slots_free frees them. None may be out, and none be taken any more.
void fp_slots_free(fp_slots *s);

// fp_slots_out is how many are taken.
int fp_slots_out(fp_slots *s);

// fp_slots_generation is that of the picture in a slot that is taken.
uint64_t fp_slots_generation(const fp_slots *s, int slot);

// fp_slots_fit says whether the picture that frame is to hold fits.
int fp_slots_fit(const fp_slots *s, const AVFrame *frame);

// fp_slots_take makes a free slot the memory of an empty frame and returns its number.
// It changes the slot's generation before. AVERROR(EAGAIN): none is free.
int fp_slots_take(fp_slots *s, AVFrame *frame);

#endif
