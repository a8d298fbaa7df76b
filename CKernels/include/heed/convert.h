// Conversion between float32 and bfloat16, the upper half of a float32 (8 bits of exponent, 7 of mantissa), as uint16_t.
//
// To bfloat16: rounds to nearest, ties to even. Denormals are kept. A number that rounds above the largest bfloat16 becomes infinite. NaN
// stays NaN (quiet, with its sign and the upper bits of its payload). To float32: exact.
//
// Arrays are contiguous, have `count` elements and do not overlap. Errors: BadArgument (a null pointer although count > 0), BadShape
// (overflow).

#ifndef HEED_CONVERT_H
#define HEED_CONVERT_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

HeedStatus heed_convert_f32_to_bf16(size_t count, const float *input, uint16_t *output);
HeedStatus heed_convert_bf16_to_f32(size_t count, const uint16_t *input, float *output);

#ifdef __cplusplus
}
#endif

#endif
