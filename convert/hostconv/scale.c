#include <libswscale/swscale.h>

#include "kernels.h"

struct SwsContext *fp_scaler_new(int src_w, int src_h, int dst_w, int dst_h)
{
	// Bilinear in swscale is a triangle as wide as the ratio: every source pixel
	// counts when a picture shrinks. Rounding is exact, so that flat areas keep
	// their level.
	return sws_getContext(src_w, src_h, AV_PIX_FMT_YUV420P, dst_w, dst_h, AV_PIX_FMT_YUV420P,
			      SWS_BILINEAR | SWS_ACCURATE_RND, NULL, NULL, NULL);
}

int fp_scale(struct SwsContext *c, int src_h, const uint8_t *y, int y_pitch, const uint8_t *u, int u_pitch,
	     const uint8_t *v, int v_pitch, uint8_t *dst_y, int dst_y_pitch, uint8_t *dst_u, int dst_u_pitch,
	     uint8_t *dst_v, int dst_v_pitch)
{
	const uint8_t *src[4] = {y, u, v, NULL};
	const int src_pitch[4] = {y_pitch, u_pitch, v_pitch, 0};
	uint8_t *dst[4] = {dst_y, dst_u, dst_v, NULL};
	const int dst_pitch[4] = {dst_y_pitch, dst_u_pitch, dst_v_pitch, 0};
	return sws_scale(c, src, src_pitch, 0, src_h, dst, dst_pitch);
}

void fp_scaler_free(struct SwsContext *c) { sws_freeContext(c); }
