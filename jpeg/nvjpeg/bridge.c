#include "bridge.h"

#include <string.h>

#define NAME(name, parameters) #name,

const char *fp_nvjpeg_symbol(int i) {
	static const char *const names[] = {FP_NVJPEG_SYMBOLS(NAME) NULL};
	return names[i];
}

void fp_nvjpeg_set(fp_nvjpeg *table, int i, void *function) {
	memcpy((char *)table + (size_t)i * sizeof function, &function, sizeof function);
}

static fp_nvjpeg_result done(void) { return (fp_nvjpeg_result){NULL, 0, 0}; }

static int ok(fp_nvjpeg_result r) { return r.op == NULL; }

static fp_nvjpeg_result jpeg(const char *op, int status) {
	return (fp_nvjpeg_result){status == FP_NVJPEG_SUCCESS ? NULL : op, status, 0};
}

static fp_nvjpeg_result cuda(const char *op, CUresult code) {
	return (fp_nvjpeg_result){code == CUDA_SUCCESS ? NULL : op, 0, code};
}

// Calls a function of a table unless an earlier call has failed.
#define JPEG(function, ...)                                                                                            \
	if (ok(r)) r = jpeg(#function, s.jpeg->function(__VA_ARGS__))
#define CUDA(function, ...)                                                                                            \
	if (ok(r)) r = cuda(#function, s.cuda->function(__VA_ARGS__))

static fp_nvjpeg_result push(const fp_cuda *cu, void *context) { return cuda("cuCtxPushCurrent", fp_push(cu, context)); }

static fp_nvjpeg_result pop(const fp_cuda *cu, fp_nvjpeg_result work) {
	CUresult popped = fp_pop(cu);
	return ok(work) ? cuda("cuCtxPopCurrent", popped) : work;
}

int fp_nvjpeg_version(const fp_nvjpeg *table, int version[3]) {
	int status = FP_NVJPEG_SUCCESS;
	for (int i = 0; i < 3 && status == FP_NVJPEG_SUCCESS; i++) status = table->nvjpegGetProperty(i, &version[i]);
	return status;
}

fp_nvjpeg_result fp_nvjpeg_open(const fp_nvjpeg *table, const fp_cuda *cu, void *context, void **handle) {
	fp_nvjpeg_result r = push(cu, context);
	if (!ok(r)) return r;
	return pop(cu, jpeg("nvjpegCreateSimple", table->nvjpegCreateSimple(handle)));
}

fp_nvjpeg_result fp_nvjpeg_close(const fp_nvjpeg *table, const fp_cuda *cu, void *context, void *handle) {
	fp_nvjpeg_result r = push(cu, context);
	if (!ok(r)) return r;
	return pop(cu, jpeg("nvjpegDestroy", table->nvjpegDestroy(handle)));
}

// Destroys what there is, state before params, and returns the first error.
static fp_nvjpeg_result destroy(fp_nvjpeg_state s) {
	fp_nvjpeg_result first = done(), r = done();
	if (s.state) first = jpeg("nvjpegEncoderStateDestroy", s.jpeg->nvjpegEncoderStateDestroy(s.state));
	if (s.params) r = jpeg("nvjpegEncoderParamsDestroy", s.jpeg->nvjpegEncoderParamsDestroy(s.params));
	return ok(first) ? r : first;
}

fp_nvjpeg_result fp_nvjpeg_state_create(fp_nvjpeg_state s, void **state, void **params) {
	fp_nvjpeg_result r = push(s.cuda, s.context);
	if (!ok(r)) return r;
	s.state = s.params = NULL;
	JPEG(nvjpegEncoderStateCreate, s.handle, &s.state, s.stream);
	JPEG(nvjpegEncoderParamsCreate, s.handle, &s.params, s.stream);
	JPEG(nvjpegEncoderParamsSetEncoding, s.params, FP_NVJPEG_BASELINE, s.stream);
	JPEG(nvjpegEncoderParamsSetOptimizedHuffman, s.params, 0, s.stream);
	JPEG(nvjpegEncoderParamsSetSamplingFactors, s.params, FP_NVJPEG_420, s.stream);
	if (!ok(r)) {
		destroy(s);
		s.state = s.params = NULL;
	}
	*state = s.state;
	*params = s.params;
	return pop(s.cuda, r);
}

fp_nvjpeg_result fp_nvjpeg_state_destroy(fp_nvjpeg_state s) {
	fp_nvjpeg_result r = push(s.cuda, s.context);
	return ok(r) ? pop(s.cuda, destroy(s)) : r;
}

// Brings the result to out and waits for that.
static fp_nvjpeg_result retrieve(fp_nvjpeg_state s, void *out, size_t *length) {
	fp_nvjpeg_result r = done();
	JPEG(nvjpegEncodeRetrieveBitstream, s.handle, s.state, out, length, s.stream);
	CUDA(cuStreamSynchronize, s.stream);
	return r;
}

fp_nvjpeg_result fp_nvjpeg_encode(fp_nvjpeg_state s, fp_nvjpeg_picture p, void *out, size_t size, size_t *length) {
	fp_nvjpeg_result r = push(s.cuda, s.context);
	if (!ok(r)) return r;
	fp_nvjpeg_image image;
	memset(&image, 0, sizeof image);
	for (int i = 0; i < 3; i++) {
		image.channel[i] = (unsigned char *)(uintptr_t)p.planes[i];
		image.pitch[i] = p.pitches[i];
	}
	if (p.ready) CUDA(cuStreamWaitEvent, s.stream, p.ready, 0);
	JPEG(nvjpegEncoderParamsSetQuality, s.params, p.quality, s.stream);
	JPEG(nvjpegEncodeYUV, s.handle, s.state, s.params, &image, FP_NVJPEG_420, p.width, p.height, s.stream);
	CUDA(cuStreamSynchronize, s.stream);
	size_t bytes = 0;
	JPEG(nvjpegEncodeRetrieveBitstream, s.handle, s.state, NULL, &bytes, s.stream);
	*length = bytes;
	if (ok(r) && bytes <= size) r = retrieve(s, out, &bytes);
	if (!ok(r) && r.cuda == CUDA_SUCCESS) {
		// What was queued must not outlive the call, and a broken context tells so here.
		r.cuda = s.cuda->cuStreamSynchronize(s.stream);
	}
	return pop(s.cuda, r);
}

fp_nvjpeg_result fp_nvjpeg_fetch(fp_nvjpeg_state s, void *out, size_t *length) {
	fp_nvjpeg_result r = push(s.cuda, s.context);
	return ok(r) ? pop(s.cuda, retrieve(s, out, length)) : r;
}
