// Private: dropout of the attention references.

#ifndef HEED_ATTENTION_MULTIPLIER_H
#define HEED_ATTENTION_MULTIPLIER_H

#include "heed/attention.h"
#include "heed/random.h"

// The factor of the weight of row (b, h, i) and key j: 1 without dropout.
static inline double reference_multiplier(const HeedAttentionShape *shape, size_t b, size_t h, size_t i, size_t j) {
  const HeedAttentionDropout drop = shape->dropout;
  if (drop.probability == 0) return 1;
  const uint64_t stream = heed_random_row(drop.offset + b * shape->heads + h, i);
  return heed_random_reference_uniform(drop.seed, stream, j) >= (double)drop.probability ? 1 / (1 - (double)drop.probability) : 0;
}

#endif
