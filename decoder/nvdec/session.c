#include "nvdec.h"

#include <stdlib.h>
#include <string.h>

int fp_nvdec_ask(const fp_cuda *cu, const fp_cuvid *cuvid, void *context, int codec, int chroma, int depth,
                 fp_nvdec_caps *caps) {
	memset(caps, 0, sizeof *caps);
	if (!cuvid->cuvidGetDecoderCaps) {
		return CUDA_SUCCESS;
	}
	CUresult r = fp_push(cu, context);
	if (r != CUDA_SUCCESS) {
		return r;
	}
	CUVIDDECODECAPS c = {0};
	c.eCodecType = (cudaVideoCodec)codec;
	c.eChromaFormat = (cudaVideoChromaFormat)chroma;
	c.nBitDepthMinus8 = (unsigned int)(depth - 8);
	r = cuvid->cuvidGetDecoderCaps(&c);
	caps->known = r == CUDA_SUCCESS;
	caps->supported = c.bIsSupported;
	caps->formats = c.nOutputFormatMask;
	caps->min_width = c.nMinWidth;
	caps->min_height = c.nMinHeight;
	caps->max_width = c.nMaxWidth;
	caps->max_height = c.nMaxHeight;
	caps->max_macroblocks = c.nMaxMBCount;
	caps->engines = c.nNumNVDECs;
	return fp_pop_after(cu, r);
}

fp_nvdec *fp_nvdec_new(const fp_cuda *cu, const fp_cuvid *cuvid, void *context, int codec, int no_reorder) {
	fp_nvdec *d = calloc(1, sizeof *d);
	if (d) {
		d->cu = cu;
		d->cuvid = cuvid;
		d->context = context;
		d->codec = (cudaVideoCodec)codec;
		d->no_reorder = no_reorder;
	}
	return d;
}

void fp_nvdec_set_stream(fp_nvdec *d, void *stream) { d->stream = stream; }

void fp_nvdec_free(fp_nvdec *d) { free(d); }

static cudaVideoSurfaceFormat output_format(const fp_nvdec_setup *s) {
	return s->wide ? cudaVideoSurfaceFormat_P016 : cudaVideoSurfaceFormat_NV12;
}

int fp_nvdec_create(fp_nvdec *d, const fp_nvdec_setup *s) {
	CUVIDDECODECREATEINFO i;
	memset(&i, 0, sizeof i);
	i.ulWidth = i.ulMaxWidth = s->format.coded_width;
	i.ulHeight = i.ulMaxHeight = s->format.coded_height;
	i.ulNumDecodeSurfaces = (unsigned long)s->surfaces;
	i.CodecType = s->format.codec;
	i.ChromaFormat = s->format.chroma_format;
	i.ulCreationFlags = cudaVideoCreate_PreferCUVID;
	i.bitDepthMinus8 = s->format.bit_depth_luma_minus8;
	i.display_area.left = (short)s->left;
	i.display_area.top = (short)s->top;
	i.display_area.right = (short)s->right;
	i.display_area.bottom = (short)s->bottom;
	i.OutputFormat = output_format(s);
	i.DeinterlaceMode = cudaVideoDeinterlaceMode_Weave; // unset may mean adaptive
	i.ulTargetWidth = (unsigned long)s->width;
	i.ulTargetHeight = (unsigned long)s->height;
	i.ulNumOutputSurfaces = 1;
	// vidLock stays NULL: with one context for all it would serialise the cameras.
	CUresult r = fp_push(d->cu, d->context);
	if (r != CUDA_SUCCESS) {
		return r;
	}
	r = d->cuvid->cuvidCreateDecoder(&d->decoder, &i);
	if (r == CUDA_SUCCESS) {
		d->setup = *s;
		d->max_width = i.ulMaxWidth;
		d->max_height = i.ulMaxHeight;
	} else {
		d->decoder = NULL;
	}
	return fp_pop_after(d->cu, r);
}

int fp_nvdec_can_reconfigure(const fp_nvdec *d, const fp_nvdec_setup *s) {
	const CUVIDEOFORMAT *a = &d->setup.format, *b = &s->format;
	return d->decoder && d->cuvid->cuvidReconfigureDecoder && a->codec == b->codec &&
	       a->chroma_format == b->chroma_format && a->bit_depth_luma_minus8 == b->bit_depth_luma_minus8 &&
	       d->setup.wide == s->wide && b->coded_width <= d->max_width && b->coded_height <= d->max_height &&
	       s->surfaces <= d->setup.surfaces;
}

int fp_nvdec_reconfigure(fp_nvdec *d, const fp_nvdec_setup *s) {
	CUVIDRECONFIGUREDECODERINFO i;
	memset(&i, 0, sizeof i);
	i.ulWidth = s->format.coded_width;
	i.ulHeight = s->format.coded_height;
	i.ulTargetWidth = (unsigned int)s->width;
	i.ulTargetHeight = (unsigned int)s->height;
	i.ulNumDecodeSurfaces = (unsigned int)d->setup.surfaces;
	i.display_area.left = (short)s->left;
	i.display_area.top = (short)s->top;
	i.display_area.right = (short)s->right;
	i.display_area.bottom = (short)s->bottom;
	CUresult r = fp_push(d->cu, d->context);
	if (r != CUDA_SUCCESS) {
		return r;
	}
	r = d->cuvid->cuvidReconfigureDecoder(d->decoder, &i);
	if (r == CUDA_SUCCESS) {
		int surfaces = d->setup.surfaces;
		d->setup = *s;
		d->setup.surfaces = surfaces;
		memset(d->pictures, 0, sizeof d->pictures);
	}
	return fp_pop_after(d->cu, r);
}

int fp_nvdec_destroy(fp_nvdec *d) {
	CUresult pushed = fp_push(d->cu, d->context), r = CUDA_SUCCESS, step;
	if (pushed != CUDA_SUCCESS) {
		return pushed;
	}
	if (d->parser) {
		r = d->cuvid->cuvidDestroyVideoParser(d->parser);
		d->parser = NULL;
	}
	if (d->mapped) {
		step = d->cuvid->cuvidUnmapVideoFrame64(d->decoder, d->mapped);
		r = r == CUDA_SUCCESS ? step : r;
		d->mapped = 0;
	}
	if (d->decoder) {
		step = d->cuvid->cuvidDestroyDecoder(d->decoder);
		r = r == CUDA_SUCCESS ? step : r;
		d->decoder = NULL;
	}
	memset(d->pictures, 0, sizeof d->pictures);
	d->shown_count = d->damaged_count = 0;
	return fp_pop_after(d->cu, r);
}
