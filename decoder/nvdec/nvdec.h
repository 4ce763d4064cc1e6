// One NVDEC session: a parser and, once the stream's format is known, a decoder.
//
// All functions are called by one goroutine at a time and return a CUresult. Each
// pushes the context, works and pops. The parser's callbacks run inside
// fp_nvdec_parse, on its thread, and never leave C.
#ifndef FP_NVDEC_H
#define FP_NVDEC_H

#include "fp_cuda.h"

enum {
	FP_NVDEC_SURFACES = 32, // the driver's own limit
	FP_NVDEC_QUEUE = 64,    // pictures that one call may show; the parser holds back 32 at most
};

// fp_nvdec_shown is a picture whose turn to be shown has come.
typedef struct fp_nvdec_shown {
	int64_t token;
	uint64_t order; // of decoding
	int index;      // surface
	int progressive, top_first, unpaired;
	int lost; // overwritten before it could be taken
	// Set when the surface was about to be overwritten: the picture has been
	// mapped already.
	unsigned long long address;
	unsigned int pitch;
} fp_nvdec_shown;

// fp_nvdec_picture is what was decoded into a surface.
typedef struct fp_nvdec_picture {
	int64_t token;
	uint64_t order;
	int unjudged; // its status has not been asked for
} fp_nvdec_picture;

// fp_nvdec_facts is what Go wants to know of a CUVIDEOFORMAT, without bit fields.
typedef struct fp_nvdec_facts {
	int chroma, luma_depth, chroma_depth;
	int coded_width, coded_height;
	int left, top, right, bottom;
	int min_surfaces;
	int full_range, matrix;
} fp_nvdec_facts;

// fp_nvdec_setup is what a decoder is made from.
typedef struct fp_nvdec_setup {
	CUVIDEOFORMAT format;
	int surfaces;
	int wide; // 16-bit output
	int left, top, right, bottom; // what is shown of the coded picture
	int width, height;            // of the output, even
} fp_nvdec_setup;

typedef struct fp_nvdec {
	const fp_cuda *cu;
	const fp_cuvid *cuvid;
	CUcontext context;
	CUstream stream;
	cudaVideoCodec codec;
	int no_reorder; // pictures are shown as soon as they are decoded

	CUvideoparser parser;
	CUvideodecoder decoder;
	fp_nvdec_setup setup; // of decoder
	unsigned long max_width, max_height;

	int64_t token; // of the access unit that is being parsed
	uint64_t order;
	fp_nvdec_picture pictures[FP_NVDEC_SURFACES];
	unsigned long long mapped; // the one output surface

	// What the last call found.
	int shown_count;
	fp_nvdec_shown shown[FP_NVDEC_QUEUE];
	int damaged_count;
	int64_t damaged[FP_NVDEC_SURFACES]; // tokens
	int decoded;                        // pictures
	int mismatch;                       // the stream is not what the decoder was made for
	CUresult failed;                    // of a call within a callback
	const char *failed_op;
} fp_nvdec;

typedef struct fp_nvdec_caps {
	int known; // the driver can tell
	int supported;
	unsigned int formats; // bit per cudaVideoSurfaceFormat
	unsigned int min_width, min_height, max_width, max_height, max_macroblocks;
	unsigned int engines; // 0 from drivers that do not tell
} fp_nvdec_caps;

int fp_nvdec_ask(const fp_cuda *cu, const fp_cuvid *cuvid, void *context, int codec, int chroma, int depth,
                 fp_nvdec_caps *caps);

// The stream is set before the decoder is created. NULL when there is no memory.
fp_nvdec *fp_nvdec_new(const fp_cuda *cu, const fp_cuvid *cuvid, void *context, int codec, int no_reorder);
void fp_nvdec_set_stream(fp_nvdec *d, void *stream);
// Follows fp_nvdec_destroy when there was a parser or a decoder.
void fp_nvdec_free(fp_nvdec *d);

// Reads the format from a unit with parameter sets; *found is 0 when there is none.
int fp_nvdec_probe(fp_nvdec *d, const uint8_t *data, size_t size, CUVIDEOFORMAT *format, fp_nvdec_facts *facts,
                   int *found);

int fp_nvdec_create(fp_nvdec *d, const fp_nvdec_setup *setup);
// Whether the decoder can be told to become the other.
int fp_nvdec_can_reconfigure(const fp_nvdec *d, const fp_nvdec_setup *setup);
int fp_nvdec_reconfigure(fp_nvdec *d, const fp_nvdec_setup *setup);
// Frees the decoder and what the parser knows. Nothing on the stream may use it.
int fp_nvdec_destroy(fp_nvdec *d);

// Parses one access unit, or ends the stream for data == NULL. second is where a second
// field begins, or 0. After a mismatch the parser has forgotten everything.
int fp_nvdec_parse(fp_nvdec *d, const uint8_t *data, size_t size, size_t second, int64_t token);

// Makes the n-th shown picture readable on the stream, once it is decoded, until
// fp_nvdec_unmap. Tokens of damaged pictures decoded up to it go to damaged.
int fp_nvdec_map(fp_nvdec *d, int n, unsigned long long *address, unsigned int *pitch);
// Queues the copy of a mapped 8-bit picture, and the event behind it.
int fp_nvdec_copy(fp_nvdec *d, unsigned long long address, unsigned int pitch, uint64_t luma, uint64_t chroma,
                  size_t to_pitch, void *ready);
int fp_nvdec_unmap(fp_nvdec *d);

#endif
