// Private: what the naive arms of attention share, forward and backward.

#ifndef HEED_ATTENTION_NAIVE_H
#define HEED_ATTENTION_NAIVE_H

#include <math.h>

// e^x for x <= 0, or 0 where that would be denormal (below -126 ln 2).
static inline float heed_attention_naive_exponential(float x) { return x < -0x1.5d589ep+6f ? 0.0f : expf(x); }

// weight / sum, or 0 where that would be denormal. The quotient of a weight that is too small is not taken at all.
static inline float heed_attention_naive_quotient(float weight, float sum) { return (weight * 0x1p126f < sum ? 0.0f : weight) / sum; }

#endif
