#ifndef FP_NVJPEG_BRIDGE_H
#define FP_NVJPEG_BRIDGE_H

#include "nvjpeg.h"

// The functions' names in the order of the table, and NULL behind the last.
const char *fp_nvjpeg_symbol(int i);
void fp_nvjpeg_set(fp_nvjpeg *table, int i, void *function);

// fp_nvjpeg_result is how a call ended: op is where it failed, or NULL.
typedef struct fp_nvjpeg_result {
	const char *op;
	int status; // nvjpegStatus_t
	int cuda;   // CUresult
} fp_nvjpeg_result;

// fp_nvjpeg_state is one encoder. All but the tables and the context may be NULL while
// it is being made.
typedef struct fp_nvjpeg_state {
	const fp_nvjpeg *jpeg;
	const fp_cuda *cuda;
	void *context, *stream;
	void *handle, *state, *params;
} fp_nvjpeg_state;

// Every function pushes the context, works and pops it.

int fp_nvjpeg_version(const fp_nvjpeg *jpeg, int version[3]);

fp_nvjpeg_result fp_nvjpeg_open(const fp_nvjpeg *jpeg, const fp_cuda *cuda, void *context, void **handle);
fp_nvjpeg_result fp_nvjpeg_close(const fp_nvjpeg *jpeg, const fp_cuda *cuda, void *context, void *handle);

// Makes state and params of a handle, for baseline 4:2:0; on an error neither is left.
fp_nvjpeg_result fp_nvjpeg_state_create(fp_nvjpeg_state s, void **state, void **params);
fp_nvjpeg_result fp_nvjpeg_state_destroy(fp_nvjpeg_state s);

typedef struct fp_nvjpeg_picture {
	uint64_t planes[3];
	size_t pitches[3];
	void *ready; // CUevent that the planes are written at, or NULL
	int width, height, quality;
} fp_nvjpeg_picture;

// Encodes a picture and waits for it: nothing of it is in use any more, also after an
// error. *length is the size of the result, which is in out when that has the room.
fp_nvjpeg_result fp_nvjpeg_encode(fp_nvjpeg_state s, fp_nvjpeg_picture picture, void *out, size_t size, size_t *length);

// Brings the last result, of *length bytes, to out, which has the room.
fp_nvjpeg_result fp_nvjpeg_fetch(fp_nvjpeg_state s, void *out, size_t *length);

#endif
