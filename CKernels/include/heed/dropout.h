// Dropout (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014), inverted: the values that are kept are scaled.
//
//   Y[i] <- keep(offset + i) ? X[i] / (1 - p) : 0
//
// random.h defines keep(n) of (seed, stream, n). The mask is never stored. The gradient of X is the same function of the gradient of Y,
// with the same seed, stream and offset: a backward pass makes the same call, which draws the same mask again.
//
// Arrays are contiguous and have `count` floats. The output is overwritten and may be the input. A value that is dropped has no effect,
// even NaN. A value that is kept is multiplied by the float nearest to 1 / (1 - p). p = 0 copies, p = 1 gives zeros.
//
// Errors: BadShape (overflow), BadArgument (a null pointer although count > 0, p outside 0 ... 1 or NaN).

#ifndef HEED_DROPOUT_H
#define HEED_DROPOUT_H

#include "heed/random.h"

#ifdef __cplusplus
extern "C" {
#endif

HeedStatus heed_dropout_reference_forward(const HeedRandom *random, float p, size_t count, const float *input, double *output);
HeedStatus heed_dropout_forward(const HeedRandom *random, float p, size_t count, const float *input, float *output);

#ifdef __cplusplus
}
#endif

#endif
