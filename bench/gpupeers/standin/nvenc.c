/* Answers the one question that PyNvVideoCodec asks NVENC when it loads, so that
 * it decodes on a machine whose driver came without libnvidia-encode. It is used
 * only there, and the report says so. Nothing is ever encoded. */
#include <stdint.h>

/* Major version in the upper bits, minor in the lower four: 13.0. */
int NvEncodeAPIGetMaxSupportedVersion(uint32_t *version)
{
	*version = 13u << 4;
	return 0;
}
