#include "bridge.h"

#include <stdlib.h>
#include <string.h>

#include <turbojpeg.h>

// Larger buffers are not kept between pictures.
#define KEEP (16UL << 20)

struct fp_jpeg_private {
	tjhandle handle;
	unsigned char *out, *luma;
	unsigned long out_size, luma_size;
};

fp_jpeg *fp_jpeg_new(void)
{
	fp_jpeg *j = calloc(1, sizeof(*j));
	if (!j)
		return NULL;
	j->private_data = calloc(1, sizeof(*j->private_data));
	if (j->private_data)
		j->private_data->handle = tjInitCompress();
	if (!j->private_data || !j->private_data->handle) {
		free(j->private_data);
		free(j);
		return NULL;
	}
	return j;
}

void fp_jpeg_free(fp_jpeg *j)
{
	struct fp_jpeg_private *p = j->private_data;
	tjDestroy(p->handle);
	free(p->out);
	free(p->luma);
	free(p);
	free(j);
}

unsigned long fp_jpeg_bound(int w, int h, int gray) { return tjBufSize(w, h, gray ? TJSAMP_GRAY : TJSAMP_420); }

// room makes a buffer at least size bytes large; one that is too large to keep
// is made anew.
static int room(unsigned char **buffer, unsigned long *have, unsigned long size)
{
	if (*have >= size && *have <= KEEP)
		return 1;
	free(*buffer);
	*buffer = malloc(size);
	*have = *buffer ? size : 0;
	return *buffer != NULL;
}

// even_luma copies luma with an odd width or height into a buffer with the last
// column and row repeated: TurboJPEG reads 4:2:0 luma in pairs.
static const uint8_t *even_luma(struct fp_jpeg_private *p, const uint8_t *y, int pitch, int w, int h)
{
	const int ew = (w + 1) & ~1, eh = (h + 1) & ~1;
	if (!room(&p->luma, &p->luma_size, (unsigned long)ew * eh))
		return NULL;
	for (int row = 0; row < eh; row++) {
		const uint8_t *from = y + (size_t)(row < h ? row : h - 1) * pitch;
		unsigned char *to = p->luma + (size_t)row * ew;
		memcpy(to, from, w);
		to[ew - 1] = from[w - 1];
	}
	return p->luma;
}

int fp_jpeg_encode(fp_jpeg *j, const uint8_t *y, int y_pitch, const uint8_t *u, int u_pitch, const uint8_t *v, int v_pitch,
		   int w, int h, int gray, int quality, uint8_t *dst, unsigned long dst_size)
{
	struct fp_jpeg_private *p = j->private_data;
	const unsigned char *planes[3] = {y, u, v};
	int pitches[3] = {y_pitch, u_pitch, v_pitch};
	const unsigned long bound = fp_jpeg_bound(w, h, gray);

	j->error = "out of memory";
	j->size = bound;
	j->data = dst;
	if (bound == (unsigned long)-1) {
		j->error = "picture too large";
		return -1;
	}
	if (!dst || dst_size < bound) {
		if (!room(&p->out, &p->out_size, bound))
			return -1;
		j->data = p->out;
	}
	if (!gray && (w % 2 || h % 2)) {
		planes[0] = even_luma(p, y, y_pitch, w, h);
		pitches[0] = (w + 1) & ~1;
		if (!planes[0])
			return -1;
	}
	// The accurate DCT costs a few per cent and keeps flat colours exact.
	if (tjCompressFromYUVPlanes(p->handle, planes, w, pitches, h, gray ? TJSAMP_GRAY : TJSAMP_420, &j->data, &j->size,
				    quality, TJFLAG_NOREALLOC | TJFLAG_ACCURATEDCT)) {
		j->error = tjGetErrorStr2(p->handle);
		return -1;
	}
	return 0;
}
