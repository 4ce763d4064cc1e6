#ifndef FP_TURBO_BRIDGE_H
#define FP_TURBO_BRIDGE_H

#include <stdint.h>

// One TurboJPEG handle with its buffers. Public: what the last call gave.
typedef struct {
	unsigned char *data;    // the picture, in dst or in the handle's own buffer
	unsigned long size;     // its bytes
	const char *error;      // text of the last failure
	struct fp_jpeg_private *private_data;
} fp_jpeg;

fp_jpeg *fp_jpeg_new(void);
void fp_jpeg_free(fp_jpeg *j);

// fp_jpeg_bound is the largest size an encoded picture can have.
unsigned long fp_jpeg_bound(int w, int h, int gray);

// fp_jpeg_encode encodes planar 4:2:0, or y alone with gray. It writes to dst
// when dst has room for the largest possible result. 0, or -1 with j->error.
int fp_jpeg_encode(fp_jpeg *j, const uint8_t *y, int y_pitch, const uint8_t *u, int u_pitch, const uint8_t *v, int v_pitch,
		   int w, int h, int gray, int quality, uint8_t *dst, unsigned long dst_size);

#endif
