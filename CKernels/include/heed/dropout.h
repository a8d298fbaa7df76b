// Dropout (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014), inverted: what is kept is scaled.
//
//   Y[i] <- keep(offset + i) ? X[i] / (1 - p) : 0
//
// keep(n) of (seed, stream, n) as random.h defines it; the mask is never stored. The gradient of X is the same function of that of Y, with
// the same seed, stream and offset: a backward pass makes the same call and draws the mask anew. Contiguous arrays of count floats; the
// output is overwritten and may be the input. A value that is dropped has no effect, NaN included; one that is kept is multiplied by the
// float nearest to 1 / (1 - p). p = 0 copies, p = 1 gives zeros.
//
// Errors: BadShape (overflow), BadArgument (null pointer where count > 0, p outside 0 ... 1 or NaN).

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
