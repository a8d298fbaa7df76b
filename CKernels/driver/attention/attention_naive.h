// Private: code shared by naive attention, forward and backward.

#ifndef HEED_ATTENTION_NAIVE_H
#define HEED_ATTENTION_NAIVE_H

#include <math.h>

#include "checks/attention_visibility.h"
#include "table/dispatch.h"

// e^x for x <= 0, or 0 where that would be denormal (below -126 ln 2).
static inline float heed_attention_naive_exponential(float x) { return x < -0x1.5d589ep+6f ? 0.0f : expf(x); }

// weight / sum, or 0 where that would be denormal. The quotient of a weight that is too small is not taken at all.
static inline float heed_attention_naive_quotient(float weight, float sum) { return (weight * 0x1p126f < sum ? 0.0f : weight) / sum; }

// The factor of the weight of row (b, h, i) and key j: 1 without dropout.
static inline float heed_attention_naive_multiplier(const HeedKernels *kernels, const HeedAttentionShape *shape, size_t b, size_t h,
                                                    size_t i, size_t j) {
  const HeedAttentionDropout drop = shape->dropout;
  if (drop.probability == 0) return 1;
  const HeedRandom random = {drop.seed, heed_random_row(drop.offset + b * shape->heads + h, i), j};
  const float one = 1;
  float multiplier;
  kernels->random.dropout(&random, drop.probability, heed_dropout_factor(drop.probability), 1, &one, &multiplier);
  return multiplier;
}

#endif
